"""What the desk does with one visit: check in, done, no-show, undo, cancel and move."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from appointment.admin.forms import ReasonField
from appointment.desk.access import CHANGE_VISITS
from appointment.desk.answers import Said, visit_sentence
from appointment.desk.cards import VisitCard
from appointment.desk.moving import FreeTimes
from appointment.desk.panels import VisitPanel, visit_line
from appointment.desk.reasons import (
    CANCEL_REASONS,
    TAKEN_BACK,
    choices_of,
    chosen_reason,
)
from appointment.exceptions import CancelDeadlinePassed, NotCancelable, NothingToUndo
from appointment.models import Appointment
from appointment.models.event import Status
from doctor.exceptions import SlotInPast, TooFar, TooManyAppointments, TooSoon
from doctor.models import Slot
from extensions.exceptions import DomainError
from extensions.formats import instant_text

# Staff set these aside with a reason. NotCancelable: of a visit that has begun.
WAIVED_WITH_A_REASON = (
    SlotInPast,
    TooSoon,
    TooFar,
    TooManyAppointments,
    CancelDeadlinePassed,
    NotCancelable,
)
BEGUN = _("The visit has begun.")
TOO_LATE = _("The site's deadline to cancel or move has passed.")
IS_MOVED = _("%(person)s is moved: %(visit)s.")
IS_MOVED_FROM = _("%(person)s is moved from %(start)s: %(visit)s.")
IS_CANCELED = _("%(person)s is canceled: %(visit)s.")
WAS_CANCELED = _("%(person)s was already canceled: %(visit)s.")
# What the panel asks where a reason is needed: the label of the field, and the button.
CANCEL_ANYWAY = _("Cancel anyway because"), pgettext_lazy("button", "Cancel")
MOVE_ANYWAY = _("Move anyway because"), pgettext_lazy("button", "Move")
UNDO_ANYWAY = _("Undo anyway because"), pgettext_lazy("button", "Undo")


class VisitAction(VisitPanel):
    """An action by one click. `verb`: the name of the method. `done`: the sentence of the answer.

    A second click finds the visit in one of the states `after`, and is answered as the first.
    """

    verb: ClassVar[str] = ""
    done: ClassVar[Any] = ""
    after: ClassVar[tuple[str, ...]] = ()

    def post(self, request: HttpRequest, appointment_id: int) -> HttpResponse:
        """Call the verb and say what it did."""
        visit = self.visit(appointment_id)
        if VisitCard(visit, self.at).state in self.after:
            return self.answer(self.said(visit))
        return self.answer(self.attempt(partial(self.act, visit), visit))

    def act(self, visit: Appointment) -> Said:
        """Call the verb; returns the sentence."""
        getattr(visit, self.verb)(by=self.user, at=self.at)
        return self.said(visit)

    def said(self, visit: Appointment) -> Said:
        """Return the sentence, with the way back."""
        return Said(visit_sentence(visit, str(self.done)), undo=undo_url(visit))


class CheckIn(VisitAction):
    """Record that the patient has come."""

    verb, after = "check_in", ("waiting",)
    done = _("%(person)s is checked in: %(visit)s.")


class Complete(VisitAction):
    """Record that the visit took place."""

    verb, after = "complete", ("done",)
    done = _("%(person)s is done: %(visit)s.")


class NoShow(VisitAction):
    """Record that the patient did not come."""

    verb, after = "mark_no_show", ("no-show",)
    done = _("%(person)s is marked as a no-show: %(visit)s.")


class AskingPanel(VisitPanel):
    """An action that may need a reason: `override` sets aside a rule that staff may.

    Where the verb refuses for want of one, the panel asks for it and sends the form once more.
    """

    permission = CHANGE_VISITS

    def override(self) -> str:
        """Return the reason for which the user sets a rule aside; raises ValidationError."""
        return ReasonField().clean(self.request.POST.get("override_reason", ""))

    def attempt_or_ask(
        self, act: Callable[[Appointment], Said], visit: Appointment, words: Any, **fields: Any
    ) -> HttpResponse:
        """Call the verb on the visit; where it needs a reason, ask for it in the panel.

        `words`: of the field and the button, as MOVE_ANYWAY. `fields`: what the form sends again.
        """
        waivable = False

        def verb() -> Said:
            nonlocal waivable
            try:
                return act(visit)
            except WAIVED_WITH_A_REASON as refusal:
                waivable = _is_waivable(refusal, visit)
                raise

        said = self.attempt(verb, visit)
        if said.refused and waivable and not self.request.POST.get("override_reason"):
            label, button = words
            asked = {"label": label, "button": button, "fields": fields}
            return self.answer_panel(said, "desk/anyway.html", **asked)
        return self.answer_panel(said, **self.after(said))

    def after(self, said: Said) -> dict[str, Any]:
        """Return what the panel shows next: nothing."""
        return {}


class Undo(AskingPanel):
    """Take back the last check-in, done, no-show or cancelation of a visit.

    `?of=` names the kind of the event that the page has shown: what another user has done since is
    not taken back.
    """

    @property
    def of(self) -> str:
        """The kind of event to take back; an empty text means the last one, whatever it is."""
        return self.request.GET.get("of") or self.request.POST.get("of") or ""

    def post(self, request: HttpRequest, appointment_id: int) -> HttpResponse:
        """Take it back and say how the visit stands now."""
        visit = self.visit(appointment_id)
        return self.attempt_or_ask(self.act, visit, UNDO_ANYWAY, of=self.of)

    def act(self, visit: Appointment) -> Said:
        """Call the verb; returns the sentence. A second click is answered as the first."""
        undo = partial(visit.undo, by=self.user, at=self.at, of=self.of)
        try:
            undo(override_reason=self.override())
        except (SlotInPast, TooSoon, TooFar):  # the visit was booked in time, or with a reason
            undo(override_reason=TAKEN_BACK)
        except NothingToUndo:
            if not visit.events.was_undone(self.of):
                raise
        visit.reload()
        return Said(visit_sentence(visit, VisitCard(visit, self.at).stands_again))


class Cancel(AskingPanel):
    """Cancel a visit for one of a few reasons."""

    part = "desk/cancel.html"

    def get(self, request: HttpRequest, appointment_id: int) -> HttpResponse:
        """Show the reasons."""
        visit = self.visit(appointment_id)
        why = BEGUN if needs_a_reason(visit, self.at) == BEGUN else ""
        shown = {"line": visit_line(visit), "reasons": choices_of(CANCEL_REASONS), "why": why}
        return self.panel(visit.patient, visit=visit, **shown)

    def post(self, request: HttpRequest, appointment_id: int) -> HttpResponse:
        """Cancel the visit."""
        reason = request.POST.get("reason", "")
        fields = {"reason": reason, "detail": request.POST.get("detail", "")}
        return self.attempt_or_ask(self.act, self.visit(appointment_id), CANCEL_ANYWAY, **fields)

    def act(self, visit: Appointment) -> Said:
        """Call the verb; returns the sentence."""
        reason = chosen_reason(self.request.POST, CANCEL_REASONS)
        if visit.status == Status.CANCELED:  # a second click is answered as the first
            done = IS_CANCELED if visit.cancel_reason == reason else WAS_CANCELED
            return Said(visit_sentence(visit, str(done)), undo=undo_url(visit))
        override = self.override() or self._past_deadline(visit, reason)
        visit.cancel(by=self.user, reason=reason, at=self.at, override_reason=override)
        return Said(visit_sentence(visit, str(IS_CANCELED)), undo=undo_url(visit))

    def _past_deadline(self, visit: Appointment, reason: str) -> str:
        """Return the reason if only the deadline of the site is in the way: it sets that aside."""
        return reason if needs_a_reason(visit, self.at) == TOO_LATE else ""


class Move(AskingPanel):
    """Move a visit to another time of the week.

    `was`: the key of the time that the page has shown. A visit that another user has moved since
    stays where it is.
    """

    part = "desk/move.html"

    def get(self, request: HttpRequest, appointment_id: int) -> HttpResponse:
        """Show the free times."""
        visit = self.visit(appointment_id)
        return self.panel(visit.patient, **self._times(visit))

    def post(self, request: HttpRequest, appointment_id: int) -> HttpResponse:
        """Move the visit to the chosen time."""
        self.moved = self.visit(appointment_id)
        fields = {name: self.key(name) or "" for name in ("slot", "was")}
        return self.attempt_or_ask(self.act, self.moved, MOVE_ANYWAY, **fields)

    def act(self, visit: Appointment) -> Said:
        """Call the verb; returns the sentence, with the way back if the old time can be booked."""
        slot, was = self.key("slot") or 0, self.key("was")
        if visit.slot_id == slot and visit.moved:  # a second click is answered as the first
            return Said(visit_sentence(visit, str(IS_MOVED)))
        old, zone = visit.slot_id, visit.location.zone
        start = instant_text(visit.starts_at, zone)
        override = self.override()
        visit.reschedule(to=slot, by=self.user, at=self.at, override_reason=override)
        if was not in {None, visit.events.latest("pk").from_slot}:
            raise ValidationError(gettext("Another user has moved this visit meanwhile."))
        free = Slot.objects.of_key(old).bookable(self.at).exists()
        query = f"?slot={old}&was={slot}" if free else ""
        back = query and reverse("desk:visit-move", args=[visit.pk]) + query
        return Said(visit_sentence(visit, str(IS_MOVED_FROM), start=start), undo=back)

    def after(self, said: Said) -> dict[str, Any]:
        """Show the free times as they are now, if the time was not to be had."""
        if not said.refused or not self.request.POST.get("panel"):
            return {}
        self.moved.reload()
        return {"part": self.part, **self._times(self.moved)}

    def _times(self, visit: Appointment) -> dict[str, Any]:
        week = self.date("week") if self._names("week") else visit.date
        others = bool(self._names("others"))
        times = FreeTimes(visit, week, others, self.user, self.at)
        why = needs_a_reason(visit, self.at)
        return {"visit": visit, "line": visit_line(visit), "times": times, "why": why}

    def _names(self, name: str) -> str:
        return self.request.GET.get(name) or self.request.POST.get(name) or ""


def undo_url(visit: Appointment) -> str:
    """Return the URL that takes back the last change of the visit; "" if it cannot be undone."""
    event = visit.events.latest_undoable()
    return f"{reverse('desk:visit-undo', args=[visit.pk])}?of={event.kind}" if event else ""


def _is_waivable(refusal: DomainError, visit: Appointment) -> bool:
    """Whether a reason sets the refusal aside: only a visit that is scheduled can be changed."""
    if not isinstance(refusal, NotCancelable):
        return True
    return Appointment.objects.filter(pk=visit.pk, status=Status.SCHEDULED).exists()


def needs_a_reason(visit: Appointment, at: Any) -> Any:
    """Return why staff need a reason to cancel or move the visit; "" if they need none."""
    try:
        visit.refuse_change(at)
    except DomainError as refusal:
        if visit.status == Status.SCHEDULED:
            return BEGUN if isinstance(refusal, NotCancelable) else TOO_LATE
    return ""
