"""A doctor's own day: the visits, the own leave, and the histories that the doctor may read."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.audit.views import record_read
from accounts.models import AuditEvent
from appointment.desk.access import own_doctor, sites_of_doctor
from appointment.desk.answers import Said, visit_sentence
from appointment.desk.away_form import NO_FIRST_DAY, refuse_past, rest_of_today, span_of_days
from appointment.desk.away_query import when_text
from appointment.desk.cards import VisitCard, version_of
from appointment.desk.day_query import COUNTED_STATES
from appointment.desk.pages import FIRST_DATE, LAST_DATE, DeskPage
from appointment.models import Appointment
from appointment.models.event import LIVE, Status
from appointment.models.treatment import readable_patient
from doctor.exceptions import AlreadyAway
from doctor.models import Doctor, Location, TimeOff
from extensions.formats import date_text
from patient.models import MedicalHistory, Patient

A_DAY = timedelta(days=1)
NO_SITE = _("You have no sessions at any site yet.")
ALREADY_AWAY = _("This is entered already: you are away in all of this time.")

# What a doctor does with a visit: the verb, the words of the button, and the sentence.
OWN_VERBS: dict[str, tuple[Callable[..., Appointment], Any, Any]] = {
    "check_in": (
        Appointment.check_in,
        pgettext_lazy("button", "Arrived"),
        _("%(person)s has arrived: %(visit)s."),
    ),
    "complete": (
        Appointment.complete,
        pgettext_lazy("button", "Done"),
        _("%(person)s has been seen: %(visit)s."),
    ),
    "no_show": (
        Appointment.mark_no_show,
        pgettext_lazy("button", "No-show"),
        _("%(person)s did not come: %(visit)s."),
    ),
    "undo": (
        Appointment.undo,
        pgettext_lazy("button", "Undo"),
        _("%(person)s is as before the last change: %(visit)s."),
    ),
}
COUNTED = ("due", "late", "waiting", "done")  # the states that the page counts


def url_name(verb: str) -> str:
    """Return the name of the URL that calls this verb."""
    return f"desk:mine-{verb.replace('_', '-')}"


class OwnVisit(VisitCard):
    """A visit of the doctor's own day, and what the doctor may do with it."""

    @property
    def buttons(self) -> list[tuple[str, str, str]]:
        """The verbs that the doctor may use now: the name, the words of the button and the URL.

        A doctor takes a change back on the day of the visit. A no-show who comes late is checked in
        by the reception.
        """
        may = set(self.actions)
        if self.visit.status == Status.NO_SHOW:
            may.discard("check_in")
        if not self.is_today:
            may.discard("undo")
        return [
            (verb, str(words), reverse(url_name(verb), args=[self.visit.pk]))
            for verb, (_method, words, _sentence) in OWN_VERBS.items()
            if verb in may
        ]

    @property
    def shown(self) -> tuple[Any, ...]:
        """All that the page shows of the visit."""
        facts = (self.visit.pk, self.start, self.visit.location.name, self.visit.reason)
        return (
            *facts,
            self.visit.patient_id,
            self.person,
            self.born,
            self.phone,
            self.state_text,
            self.buttons,
        )

    @property
    def start(self) -> str:
        """The start on the clock of the site, such as 09:20."""
        return f"{self.visit.starts_at.astimezone(self.visit.location.zone):%H:%M}"

    @property
    def born(self) -> str:
        """The birth date of the patient, or an empty string if it is not known."""
        born = self.visit.patient and self.visit.patient.date_of_birth
        return date_text(born) if born else ""


class OwnDay:
    """The visits of one doctor on one date, and the coming leave, read in two statements."""

    def __init__(self, doctor: Doctor, day: date, clock: Location | None, at: datetime) -> None:
        rows = Appointment.objects.filter(doctor=doctor).on(day).with_names().with_latest_kind()
        self.visits = [OwnVisit(visit, at) for visit in rows.order_by("starts_at", "pk")]
        coming = TimeOff.objects.filter(doctor=doctor, ends_at__gt=at)
        leave = list(coming.order_by("starts_at", "pk")) if clock else []
        self.leave = [(each, when_text(each, clock)) for each in leave if clock]

    @property
    def version(self) -> str:
        """A text that changes with what the page shows."""
        shown = [
            [card.shown for card in self.visits],
            [(each.pk, text) for each, text in self.leave],
        ]
        return version_of(shown)

    def count(self, state: str) -> int:
        """Return how many visits are in this state (`VisitCard.state`)."""
        return sum(card.state == state for card in self.visits)

    @property
    def counts(self) -> list[tuple[int, str]]:
        """The counts of the states that staff look for, each with its words."""
        numbers = [(self.count(state), COUNTED_STATES[state]) for state in COUNTED]
        return [(number, words % number) for number, words in numbers]


class LeaveForm(forms.Form):
    """Leave in whole days on the clock of one site, or from now to the end of today."""

    first_day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), required=False)
    last_day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), required=False)
    reason = forms.CharField(max_length=500, required=False, help_text=_("For staff alone."))
    rest_of_today = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Check the days; raises ValidationError without days, and for a wrong order."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("rest_of_today") or self.errors:
            return cleaned
        first, last = cleaned.get("first_day"), cleaned.get("last_day") or cleaned.get("first_day")
        if first is None or last is None:
            raise ValidationError(NO_FIRST_DAY)
        if last < first:
            raise ValidationError(gettext("The last day comes before the first."))
        return {**cleaned, "first_day": first, "last_day": last}

    def leave_of(self, doctor: Doctor, clock: Location, at: datetime) -> TimeOff:
        """Return the unsaved leave, from now on or of whole days on the clock of the site.

        Raises ValidationError for leave that is over.
        """
        known = self.cleaned_data
        days = known["first_day"], known["last_day"]
        rest = known["rest_of_today"]
        start, end = rest_of_today(clock, at) if rest else span_of_days(*days, clock)
        leave = TimeOff(doctor=doctor, starts_at=start, ends_at=end, reason=known["reason"])
        refuse_past(leave, at)
        return leave


class OwnPage(DeskPage):
    """The base of the pages of doctors: an active doctor whose account may see the own day."""

    title = pgettext_lazy("page of the desk", "My day")
    template_name = "desk/mine.html"
    kind = "desk.mine"

    @cached_property
    def doctor(self) -> Doctor | None:
        """The active doctor of this account, or None."""
        return own_doctor(self.user)

    def may_open(self) -> bool:
        """Whether the account is that of an active doctor, and may see the own day."""
        return self.doctor is not None

    @cached_property
    def sites(self) -> list[Location]:
        """The locations where the doctor has sessions, by name."""
        return sites_of_doctor(self.own)

    @property
    def own(self) -> Doctor:
        """The doctor of this account; `may_open` has made sure that there is one."""
        return cast(Doctor, self.doctor)

    @property
    def clock(self) -> Location:
        """The site on whose clock leave is entered; raises ValidationError without one."""
        if self.site is None:
            raise ValidationError(NO_SITE)
        return self.site

    @property
    def role(self) -> str:
        """The role in which the user opens the page."""
        return str(AuditEvent.Role.DOCTOR)


class MinePage(OwnPage):
    """The own day of a doctor; a part of it is read again every few seconds."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the day; answer 204 to a refresh if nothing has changed since."""
        day = self.date()
        own = OwnDay(self.own, day, self.site, self.at)
        if request.htmx and request.GET.get("version") == own.version:  # type: ignore[attr-defined]
            return HttpResponse(status=204)
        part = "desk/mine_part.html" if request.htmx else ""  # type: ignore[attr-defined]
        if part:
            self.record_unless_opened(day)
        around = {"before": day - A_DAY, "after": day + A_DAY}
        days = {name: each for name, each in around.items() if FIRST_DATE <= each < LAST_DATE}
        known: dict[str, Any] = {"days": days, "doctor": self.own, "leave_form": LeaveForm()}
        return self.page(template=part, day=day, own=own, proof=self.proof(day), **known)


class OwnVisitAction(OwnPage):
    """What a doctor does with a visit of the own: arrived, done, no-show, undo."""

    verb: ClassVar[str] = ""

    def post(self, request: HttpRequest, appointment_id: int) -> HttpResponse:
        """Call the verb on the visit; raises Http404 for a visit of another doctor."""
        visit = Appointment.objects.filter(doctor=self.own, pk=appointment_id).with_names().first()
        if visit is None:
            raise Http404(gettext("The doctor has no such visit."))
        return self.answer(self.attempt(lambda: self.perform(visit), visit))

    def perform(self, visit: Appointment) -> Said:
        """Call the verb, and say what happened; raises DomainError."""
        method, _words, sentence = OWN_VERBS[self.verb]
        if self.verb == "undo" and not OwnVisit(visit, self.at).is_today:
            raise ValidationError(gettext("A doctor takes a change back on the day of the visit."))
        method(visit, by=self.user, at=self.at)
        undo = "" if self.verb == "undo" else reverse(url_name("undo"), args=[visit.pk])
        return Said(visit_sentence(visit, str(sentence)), undo=undo)


class OwnHistory(OwnPage):
    """The medical history of a patient whom the doctor treats."""

    audited_model = MedicalHistory

    def get(self, request: HttpRequest, patient_id: int) -> HttpResponse:
        """Show the history, and record the read; raises Http404 for any other patient."""
        try:
            person = readable_patient(patient_id, self.user, self.at)
        except Patient.DoesNotExist:
            raise Http404(gettext("The doctor treats no such patient.")) from None
        record_read(MedicalHistory, [person], "", otherwise="doctor")
        history = MedicalHistory.objects.filter(patient=person).order_by("-created_at", "-pk")
        part = "desk/mine_history.html" if request.htmx else "desk/mine_history_page.html"  # type: ignore[attr-defined]
        title = gettext("History")
        return self.page(template=part, person=person, history=history, title=title)


class OwnLeave(OwnPage):
    """Enter leave of the own, or take coming leave back."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Save the leave; say how many visits it hits, which the reception rebooks."""
        form = LeaveForm(request.POST)
        return self.answer(self.attempt(lambda: self.enter(form)))

    def enter(self, form: LeaveForm) -> Said:
        """Save the leave of the form; raises ValidationError."""
        if not form.is_valid():
            raise ValidationError([text for texts in form.errors.values() for text in texts])
        clock = self.clock
        leave = form.leave_of(self.own, clock, self.at)
        try:
            leave.enter(self.at)
        except AlreadyAway:
            raise ValidationError(ALREADY_AWAY) from None
        hit = Appointment.objects.affected_by(leave, self.at).filter(status=LIVE).count()
        undo = f"{reverse('desk:mine-leave-end', args=[leave.pk])}?location={clock.pk}"
        text = gettext("You are away %(when)s.") % {"when": when_text(leave, clock)}
        return Said(f"{text} {_visits_hit(hit)}", undo=undo)


class OwnLeaveEnd(OwnPage):
    """Take coming leave of the own back."""

    def post(self, request: HttpRequest, timeoff_id: int) -> HttpResponse:
        """Delete the leave. Raises Http404 for leave of another doctor."""
        if TimeOff.objects.filter(pk=timeoff_id).exclude(doctor=self.own).exists():
            raise Http404(gettext("The doctor has no such leave."))
        return self.answer(self.attempt(lambda: self.end(timeoff_id)))

    def end(self, pk: int) -> Said:
        """Delete the leave, and say so; raises DoesNotExist if it has been taken back meanwhile."""
        leave = TimeOff.objects.with_names().get(doctor=self.own, pk=pk)
        refuse_past(leave, self.at)
        when = when_text(leave, self.clock)
        text = gettext("Your leave %(when)s is taken back.") % {"when": when}
        leave.unpublish(at=self.at)
        others = TimeOff.objects.filter(doctor=self.own, ends_at__gt=self.at)
        still = others.overlapping(leave.starts_at, leave.ends_at).order_by("starts_at", "pk")
        times = pgettext("between times", " and ").join(
            when_text(each, self.clock) for each in still
        )
        away = gettext("You are still away %(times)s.") % {"times": times}
        return Said(f"{text} {away}" if times else text)


class OwnDaySheet(OwnPage):
    """Whether the doctor gets the sheet of the day by mail."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Turn the sheet on or off, as the button says."""
        return self.answer(self.attempt(lambda: self.choose(request.POST.get("wanted") == "on")))

    def choose(self, wanted: bool) -> Said:
        """Store the choice, and say what follows."""
        self.own.choose_daysheet(wanted)
        if not wanted:
            return Said(gettext("You get no day sheet by mail any more."))
        if not self.user.has_verified_email:
            return Said(gettext("Saved. The sheet comes once your e-mail address is verified."))
        return Said(gettext("You get the day sheet by mail each morning with visits."))


def _visits_hit(count: int) -> str:
    if not count:
        return gettext("No visit is booked in that time.")
    text = ngettext(
        "The reception rebooks %(number)d visit.", "The reception rebooks %(number)d visits.", count
    )
    return text % {"number": count}
