"""Who waits, and which offers are open: staff answer them on the phone."""

from functools import partial
from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent
from appointment.admin.forms import ReasonField
from appointment.desk.answers import Said, place_text, visit_sentence
from appointment.desk.booking_form import BOOKED
from appointment.desk.cards import version_of
from appointment.desk.line_query import Line, Offers
from appointment.desk.navigation import VIEW_LINE
from appointment.desk.pages import DeskPage
from appointment.desk.people import spoken_phone
from appointment.desk.visits import IS_MOVED
from appointment.exceptions import NoOpenOffer
from appointment.models import Appointment, Offer, WaitlistEntry
from appointment.models.offer import OfferStatus
from appointment.models.waitlist import ADD_ENTRY, CHANGE_ENTRY, DELETE_ENTRY

GONE = _("This person is not on the line any more: another user has taken the entry off.")


class LineParts(DeskPage):
    """What the page of the line and its parts share."""

    title = pgettext_lazy("page of the desk", "Waitlist")
    template_name = "desk/line.html"
    permission = VIEW_LINE
    kind = "desk.line"
    audited_model = WaitlistEntry

    def line(self) -> Line | None:
        """Return who waits; None while there is no site."""
        wishes = {"doctor": self.key("doctor"), "specialty": self.key("specialty")}
        return Line(self.user, self.at, self.site, **wishes) if self.site else None

    def context(self, **more: object) -> dict[str, object]:
        """Add what the user may do."""
        rights = {"may_answer": CHANGE_ENTRY, "may_take_off": DELETE_ENTRY, "may_join": ADD_ENTRY}
        may = {name: self.user.is_staff_with(right) for name, right in rights.items()}
        return super().context(proof=self.proof(), **may, **more)


class LinePage(LineParts):
    """Who waits, and the open offers of all sites of the user."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page; a refresh gets the part that changes, and 204 if nothing has changed."""
        part = "desk/line_rows.html" if request.htmx else ""  # type: ignore[attr-defined]
        line, offers = self.line(), Offers(self.user, self.at, self.sites)
        rows = [row.shown for row in (*offers.rows, *(line.rows if line else ()))]
        version = version_of((line and line.number, rows))
        if part and request.GET.get("version") == version:
            return HttpResponse(status=204)
        if part:
            self.record_unless_opened()
        shown: dict[str, Any] = {"line": line, "offers": offers, "version": version}
        return self.page(template=part, **shown)


class OffersPart(LineParts):
    """The open offers of one site, for the panel of the day."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the offers; without a script, on the page of the line."""
        offers = Offers(self.user, self.at, [self.site] if self.site else [])
        if request.htmx:  # type: ignore[attr-defined]
            return self.page(template="desk/offers.html", offers=offers)
        return self.page(line=self.line(), offers=offers)


class EntryAction(LineParts):
    """An action on one entry of the line."""

    permission_to_change = CHANGE_ENTRY

    def post(self, request: HttpRequest, waitlistentry_id: int) -> HttpResponse:
        """Call the verb and say what it did."""
        try:
            entry = self.entry(waitlistentry_id)
            said = self.attempt(partial(self.act, entry))
            if said.refused:
                said = Said(f"{entry.patient.name}: {said.text}", refused=True)
        except Http404:
            if not request.htmx:  # type: ignore[attr-defined]
                raise
            said = Said(
                str(GONE), refused=True
            )  # a script shows the reader no page with status 404
        done = bool(request.POST.get("panel")) and not said.refused
        return self.answer(said, "desk/away_said.html", empty_panel=done)

    def entry(self, pk: int) -> WaitlistEntry:
        """Return the entry; raises Http404 for one that the user may not see."""
        entries = WaitlistEntry.objects.concerning(self.user)
        related = ("patient", "doctor", "specialty")
        return get_object_or_404(entries.select_related(*related), pk=pk)

    def act(self, entry: WaitlistEntry) -> Said:
        """Call the verb; returns the sentence."""
        raise NotImplementedError

    def offer(self, entry: WaitlistEntry) -> Offer:
        """Return the offer that the user answers now; raises NoOpenOffer.

        Also where the page has shown another one, which has run out meanwhile.
        """
        offers = entry.offers.acceptable(self.at).answerable_by(self.user)
        found: Any = offers.select_related("slot__doctor", "slot__location").first()
        if found is None or self.key("offer") not in {None, found.pk}:
            raise NoOpenOffer
        return found


class EntryPanel(EntryAction):
    """An action for which the panel asks something first."""

    panel = ""

    def get(self, request: HttpRequest, waitlistentry_id: int) -> HttpResponse:
        """Ask in the panel; without a script, on the page of the line."""
        entry = self.entry(waitlistentry_id)
        AuditEvent.objects.record("read", entry, [entry.patient])
        if request.htmx:  # type: ignore[attr-defined]
            return self.page(template=self.panel, entry=entry)
        offers = Offers(self.user, self.at, self.sites)
        return self.page(line=self.line(), offers=offers, entry=entry, panel=self.panel)


class Accept(EntryPanel):
    """Accept an offer for the patient; with a reason, staff set a rule aside."""

    panel = "desk/accept.html"

    def act(self, entry: WaitlistEntry) -> Said:
        """Call the verb; returns the sentence of the visit."""
        override = ReasonField().clean(self.request.POST.get("override_reason", ""))
        moves = entry.replaces_id is not None
        try:
            self.offer(entry)
            with transaction.atomic():
                visit = entry.accept(by=self.user, at=self.at, override_reason=override)
        except NoOpenOffer:
            accepted = self._accepted(entry)
            if accepted is None:
                raise
            return Said(
                visit_sentence(accepted, gettext("%(person)s has this time already: %(visit)s."))
            )
        visit.reload()
        return Said(visit_sentence(visit, str(IS_MOVED if moves else BOOKED)))

    def _accepted(self, entry: WaitlistEntry) -> Appointment | None:
        """Return the visit of an offer that was accepted already: by the patient, or a first click.

        None for one at a site that the user does not see.
        """
        shown = {"pk": offer} if (offer := self.key("offer")) else {}
        accepted = entry.offers.filter(status=OfferStatus.ACCEPTED, **shown)
        visits = Appointment.objects.active().at_sites_of(self.user).with_names()
        found = visits.filter(patient=entry.patient_id, slot__in=accepted.values("slot"))
        return found.order_by("-pk").first()


class Decline(EntryAction):
    """Decline an offer for the patient, who keeps the place in line."""

    def act(self, entry: WaitlistEntry) -> Said:
        """Call the verb; returns to whom the place goes."""
        slot = self.offer(entry).slot
        entry.decline(by=self.user, at=self.at)
        known = {"person": entry.patient.name, "visit": place_text(slot)}
        declined = gettext("%(person)s declined: %(visit)s.") % known
        made = Offer.objects.acceptable(self.at).filter(slot=slot, created_at=self.at)
        following = made.answerable_by(self.user).select_related("entry__patient").last()
        if following is None:
            free = gettext("No other person in line can have it: the time is free.")
            offered = gettext("It is offered to the next in line.")
            return Said(f"{declined} {offered if made else free}")
        until = following.expires_at.astimezone(slot.location.zone)
        person = following.entry.patient
        name = ", ".join(filter(None, (person.name, spoken_phone(person.phone_number))))
        offered = gettext("It is offered to %(person)s now, until %(time)s.")
        return Said(f"{declined} {offered % {'person': name, 'time': f'{until:%H:%M %Z}'}}")


class TakeOff(EntryPanel):
    """Take a person off the line."""

    permission_to_change = DELETE_ENTRY
    panel = "desk/take_off.html"

    def act(self, entry: WaitlistEntry) -> Said:
        """Call the verb; returns the sentence."""
        name, wish = entry.patient.name, entry.doctor or entry.specialty
        entry.leave(at=self.at)
        text = gettext("%(person)s no longer waits for %(wish)s.")
        return Said(text % {"person": name, "wish": wish})
