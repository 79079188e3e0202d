"""Enter leave, and find other times for the visits that it hits."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django_htmx.http import trigger_client_event

from appointment.desk.access import CHANGE_VISITS
from appointment.desk.answers import Said
from appointment.desk.away_form import CANCEL_REASONS, DOCTOR, REASONS, SPANS, AwayForm
from appointment.desk.away_query import Away, Hit, Rebooking, hits, leave_sentence
from appointment.desk.pages import CHANGED, DeskPage
from appointment.models.alternatives import propose_times
from doctor.models import TimeOff

ADD_LEAVE, DELETE_LEAVE = "doctor.add_timeoff", "doctor.delete_timeoff"


class AwayParts(DeskPage):
    """What the page of leave and its parts share."""

    title = "Away"
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
            raise Http404("There is no location yet.")
        return AwayForm(data, self.user, self.site, self.sites, self.at)

    def context(self, **more: Any) -> dict[str, Any]:
        """Add what the form offers."""
        parts = {
            "away": Away(self.user, self.at, self.site, self.sites) if self.site else None,
            "reasons": REASONS,
            "cancel_reasons": CANCEL_REASONS,
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
        shown = self._hits(self.form(typed)) if typed and self.site else []
        return self.page(rebooking=rebooking, typed=typed, hits=shown, opened=True)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Enter the leave, if the user has seen what it hits; else show that first."""
        form, span = self.form(request.POST), request.POST.get("when", "")
        hit = Hit(span, form) if form.is_valid() and span in SPANS else None
        if hit is None or hit.error or hit.key != request.POST.get(f"seen_{span}"):
            return self._ask(form, hit)
        said = self.attempt(partial(self._enter, hit.leave))
        if not said.refused:
            self._propose(hit.leave)
        return self.answer(said)

    def _enter(self, leave: TimeOff) -> Said:
        """Publish the leave; the answer leads to its visits."""
        leave.enter(self.at)
        clock = leave.location or self.site
        assert clock is not None  # noqa: S101  # `form` has seen to it
        number = Rebooking(self.user, self.at, leave).number
        text = f"{leave_sentence(leave, clock)} {number} visit{pluralize(number)} to rebook."
        return Said(text, then=f"{reverse('desk:away')}?{urlencode({'leave': leave.pk})}#visits")

    def _propose(self, leave: TimeOff) -> None:
        """Store the times proposed for the visits, each visit of those that the page shows."""
        propose_times(Rebooking(self.user, self.at, leave).visits, self.at, self.user)

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
        faults = [] if shown or not form.data.get("who") else ["These are no dates and times."]
        return self.page(template="desk/away_hits.html", hits=shown, typed=form.data, faults=faults)


class Visits(AwayParts):
    """The visits to rebook, read again after a change."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the visits, with the times proposed for them."""
        return self.page(template="desk/away_visits.html", rebooking=self.rebooking())


class Propose(AwayParts):
    """Propose times for the visits to rebook, and keep them from other desks for 15 minutes."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Store the proposals, and say which of the earlier ones are gone."""
        rebooking = self.rebooking()
        lost = propose_times(rebooking.visits, self.at, self.user)
        if request.htmx and not lost:  # type: ignore[attr-defined]
            return trigger_client_event(HttpResponse(status=204), CHANGED)
        number = len({visit for visit, _ in lost})
        text = f"{number} visit{pluralize(number)} had a time that is no longer free."
        text = f"{text} Other times are proposed for them now." if lost else "Times are proposed."
        return self.answer(Said(text, refused=bool(lost)))


class TakeBack(AwayParts):
    """Take back leave: the times open again, and the visits take place."""

    permission_to_change = DELETE_LEAVE

    def post(self, request: HttpRequest, timeoff_id: int) -> HttpResponse:
        """Delete the leave by its verb."""
        leaves = TimeOff.objects.at_sites_of(self.user).with_names()
        leave = get_object_or_404(leaves, pk=timeoff_id)
        return self.answer(self.attempt(partial(self._delete, leave)))

    def _delete(self, leave: TimeOff) -> Said:
        clock = leave.location or self.site
        if clock is None:
            raise PermissionDenied
        sentence = leave_sentence(leave, clock, done="is no longer away")
        leave.unpublish(self.at)
        return Said(f"{sentence} Their visits take place.", then=reverse("desk:away"))
