"""Enter leave, and find other times for the visits that it hits."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from appointment.desk.access import CHANGE_VISITS
from appointment.desk.answers import Said, visit_sentence
from appointment.desk.away_form import DOCTOR, SPANS, AwayForm
from appointment.desk.away_query import Away, Hit, Rebooking, ended_sentence, hits, leave_sentence
from appointment.desk.pages import CHANGED, DeskPage
from appointment.desk.reasons import LEAVE_REASONS, REBOOK_REASONS, choices_of
from appointment.models import Appointment
from appointment.models.alternatives import propose_times
from doctor.exceptions import AlreadyAway
from doctor.models import TimeOff

ADD_LEAVE, DELETE_LEAVE = "doctor.add_timeoff", "doctor.delete_timeoff"
TAKEN_BACK = _("This leave is not there any more: it has been taken back.")
MOST_NAMES = 3  # in one sentence


class AwayParts(DeskPage):
    """What the page of leave and its parts share."""

    title = pgettext_lazy("page of the desk", "Away")
    template_name = "desk/away.html"
    permission = CHANGE_VISITS
    kind = "desk.away"

    def leave(self) -> TimeOff | None:
        """Return the leave whose visits are shown, if one is named; raises Http404."""
        key = self.key("leave")
        leaves = TimeOff.objects.at_sites_of(self.user).with_names()
        return get_object_or_404(leaves, pk=key) if key is not None else None

    def rebooking(self) -> Rebooking:
        """Return the visits to rebook: of one leave, of one site if one is named, or all."""
        leave = self.leave()
        named = self.request.GET.get("location") or self.request.POST.get("location")
        site = self.site if named and not leave else None
        return Rebooking(self.user, self.at, leave, site, clock=self.site)

    def form(self, data: Any) -> AwayForm:
        """Return the form; raises Http404 while there is no site."""
        if self.site is None:
            raise Http404(gettext("There is no location yet."))
        return AwayForm(data, self.user, self.site, self.sites, self.at)

    def context(self, **more: Any) -> dict[str, Any]:
        """Add what the form offers."""
        parts = {
            "away": Away(self.user, self.at, self.site, self.sites) if self.site else None,
            "proof": self.proof(),
            "reasons": choices_of(LEAVE_REASONS),
            "cancel_reasons": choices_of(REBOOK_REASONS),
            "spans": SPANS,
            "may_enter": self.user.is_staff_with(ADD_LEAVE),
            "may_take_back": self.user.is_staff_with(DELETE_LEAVE),
            **more,
        }
        return super().context(**parts)


class AwayPage(AwayParts):
    """Enter leave, and find other times for the visits that it hits."""

    permission_to_change = ADD_LEAVE

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form, who is away, and the visits to rebook."""
        rebooking, doctor = self.rebooking(), self.key("doctor")
        typed = {"who": f"{DOCTOR}-{doctor}"} if doctor else {}
        form = self.form(typed) if typed else None
        if form and not form.is_valid():
            raise Http404(gettext("There is no such doctor."))
        shown = hits(form) if form else []
        return self.page(rebooking=rebooking, typed=typed, hits=shown, opened=True)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Enter the leave, if the user has seen what it hits; else show that first."""
        form, span = self.form(request.POST), request.POST.get("when", "")
        hit = Hit(span, form) if form.is_valid() and span in SPANS else None
        if hit is None or hit.error or hit.key != request.POST.get(f"seen_{span}"):
            return self._ask(form, hit)
        said = self.attempt(partial(self._enter, hit))
        if not said.refused:
            propose_times(Rebooking(self.user, self.at, hit.leave).visits, self.at, self.user)
        return self.answer(said)

    def _enter(self, hit: Hit) -> Said:
        """Publish the leave; the answer leads to its visits, also where the leave was there."""
        leave = hit.leave
        try:
            leave.enter(self.at)
        except AlreadyAway as refusal:
            stored = leave.stored_over()
            if stored is None:
                raise
            there = f"{leave_sentence(stored, hit.clock)} {refusal.staff_message}"
            return Said(there, refused=True, then=leave_url(stored))
        number = Rebooking(self.user, self.at, leave).number
        to_rebook = ngettext(
            "%(number)d visit to rebook.", "%(number)d visits to rebook.", number
        ) % {"number": number}
        return Said(f"{leave_sentence(leave, hit.clock)} {to_rebook}", then=leave_url(leave))

    def _ask(self, form: AwayForm, hit: Hit | None) -> HttpResponse:
        """Show the form as it was typed, and what the leave would hit."""
        faults = [str(fault) for found in form.errors.values() for fault in found]
        faults += [hit.error] if hit and hit.error else []
        shown = self._hits(form)
        return self.page(
            rebooking=self.rebooking(), typed=form.data, hits=shown, faults=faults, asked=hit
        )

    def _hits(self, form: AwayForm) -> list[Hit]:
        return hits(form) if form.is_valid() else []


class Hits(AwayParts):
    """What leave would hit, while the user types it."""

    permission = ADD_LEAVE

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the buttons that enter the leave, each with what it would hit."""
        form = self.form(request.GET)
        shown = hits(form) if form.is_valid() else []
        wrong = gettext("These are no dates and times.")
        faults = [] if shown or not form.data.get("who") else [wrong]
        return self.page(template="desk/away_hits.html", hits=shown, typed=form.data, faults=faults)


class Visits(AwayParts):
    """The visits to rebook, read again after a change."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the visits, with the times proposed for them; 204 if nothing has changed."""
        try:
            rebooking = self.rebooking()
        except TimeOff.DoesNotExist:
            messages.warning(request, str(TAKEN_BACK))
            return HttpResponseClientRedirect(reverse("desk:away"))
        if request.GET.get("version") == rebooking.version:
            return HttpResponse(status=204)
        self.record_unless_opened()
        return self.page(template="desk/away_visits.html", rebooking=rebooking)

    def leave(self) -> TimeOff | None:
        """Return the leave; raises DoesNotExist if it is gone while a script shows its visits."""
        try:
            return super().leave()
        except Http404 as error:
            if self.request.htmx:  # type: ignore[attr-defined]
                raise TimeOff.DoesNotExist from error
            raise


class Propose(AwayParts):
    """Propose times for the visits to rebook, and keep them from other desks for 15 minutes."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Store the proposals, and say which of the earlier ones are gone."""
        rebooking = self.rebooking()
        lost = propose_times(rebooking.visits, self.at, self.user)
        if request.htmx and not lost:  # type: ignore[attr-defined]
            return trigger_client_event(HttpResponse(status=204), CHANGED)
        if not lost:
            return self.answer(Said(gettext("Times are proposed.")))
        return self.answer(Said(self._lost({visit for visit, _ in lost}), refused=True))

    def _lost(self, keys: set[int]) -> str:
        """Return the sentences about the visits for which a time was proposed that is gone."""
        visits = [visit for visit in self.rebooking().visits if visit.pk in keys]
        lost = gettext("%(person)s had a time proposed that is no longer free: %(visit)s.")
        named = [visit_sentence(visit, lost) for visit in visits[:MOST_NAMES]]
        if more := len(visits) - len(named):
            others = ngettext(
                "So it is with %(number)d more visit.",
                "So it is with %(number)d more visits.",
                more,
            )
            named.append(others % {"number": more})
        return " ".join([*named, gettext("Other times are proposed now, where there are any.")])


class TakeBack(AwayParts):
    """Take back leave: the times open again, and the visits take place."""

    permission_to_change = DELETE_LEAVE

    def post(self, request: HttpRequest, timeoff_id: int) -> HttpResponse:
        """Delete the leave by its verb."""
        leave = TimeOff.objects.at_sites_of(self.user).with_names().filter(pk=timeoff_id).first()
        if leave is not None:
            return self.answer(self.attempt(partial(self._delete, leave)))
        if not request.htmx:  # type: ignore[attr-defined]
            raise Http404(gettext("There is no such leave."))
        # A script shows the reader no page with status 404.
        return self.answer(Said(str(TAKEN_BACK), refused=True, then=reverse("desk:away")))

    def _delete(self, leave: TimeOff) -> Said:
        clock = leave.location or self.site
        if clock is None:
            raise PermissionDenied
        sentence = ended_sentence(leave, clock)
        hit = [visit.pk for visit in Rebooking(self.user, self.at, leave).found]
        leave.unpublish(self.at)
        left = Appointment.objects.to_rebook().filter(pk__in=hit).count()
        back = len(hit) - left
        again = ngettext(
            "%(number)d visit takes place again.", "%(number)d visits take place again.", back
        )
        still = ngettext(
            "%(number)d still to rebook, for another cause.",
            "%(number)d still to rebook, for another cause.",
            left,
        )
        sentences = [
            sentence,
            again % {"number": back},
            *([still % {"number": left}] if left else []),
        ]
        return Said(" ".join(sentences), then=reverse("desk:away"))


def leave_url(leave: TimeOff) -> str:
    """Return the URL of the page with the visits that this leave hits."""
    return f"{reverse('desk:away')}?{urlencode({'leave': leave.pk})}"
