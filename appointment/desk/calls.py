"""The page of the people whom the desk must call: no message about their visit has reached them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, pgettext_lazy

from accounts.messages import chosen_kinds
from accounts.models import OutgoingMessage
from appointment.desk.access import VIEW_PATIENTS
from appointment.desk.answers import Said, place_text
from appointment.desk.line_query import Person
from appointment.desk.navigation import CHANGE_MESSAGES, VIEW_MESSAGES
from appointment.desk.pages import DeskPage
from appointment.messages.history import OFFER
from appointment.messages.not_told import not_told
from appointment.messages.state import NAMES_OF_ALL, failure_text
from appointment.models import Appointment, Offer
from doctor.models import Slot
from extensions.formats import clock_text
from patient.models import Patient

MOST_CALLS = 200  # shown at once


@dataclass(frozen=True)
class Call:
    """A message that did not reach its person, and the visit or offer that it is about."""

    message: OutgoingMessage
    about: Appointment | Offer
    owner: Patient | None = None  # of the account, where the patient is a dependent

    @property
    def patient(self) -> Any:
        """The patient."""
        return _patient(self.about)

    @cached_property
    def person(self) -> Person:
        """The patient in words."""
        return Person(self.patient)

    @cached_property
    def carer(self) -> Person | None:
        """The person to call for a dependent who has no number; None if there is none."""
        has_number = not self.person.phone and self.owner and self.owner.phone_number
        return Person(self.owner) if has_number else None

    @property
    def what(self) -> str:
        """The kind of the message, in words; of an offer also until when it can be taken."""
        if not isinstance(self.about, Offer):
            return str(NAMES_OF_ALL[self.message.kind])
        until = clock_text(self.about.expires_at, self.about.slot.location.zone)
        return gettext("Offer, open until %(time)s") % {"time": until}

    @property
    def time(self) -> Appointment | Slot:
        """The visit, or the time that is offered."""
        return self.about.slot if isinstance(self.about, Offer) else self.about

    @property
    def place(self) -> str:
        """Doctor, time and site."""
        return place_text(self.time)

    @property
    def why(self) -> str:
        """Why the message did not reach the person, in words."""
        return failure_text(self.message)


def _patient(about: Appointment | Offer) -> Any:
    """Return the patient of a visit or of an offer."""
    return about.entry.patient if isinstance(about, Offer) else about.patient


def _owners(patients: Iterable[Patient]) -> dict[int, Patient]:
    """Return the owner of each account that has one of these dependents, by the account's key."""
    accounts = {each.user_id for each in patients if each.is_dependent}
    owners = Patient.objects.filter(user__in=accounts, is_dependent=False)
    return {owner.user_id: owner for owner in owners if owner.user_id}


class CallParts(DeskPage):
    """What the page and its actions share."""

    title = pgettext_lazy("page of the desk", "Not told: call")
    template_name = "desk/calls.html"
    permission = VIEW_MESSAGES
    permission_to_change = CHANGE_MESSAGES
    kind = "desk.calls"
    audited_model = OutgoingMessage

    def calls(self) -> list[Call]:
        """Return the calls to make at the user's sites: open offers, then the soonest visit."""
        rows = not_told(self.at).filter(location__in=[site.pk for site in self.sites])
        calls = self.about(rows.order_by("expires_at", "pk")[:MOST_CALLS])
        return sorted(calls, key=lambda call: (call.message.kind != OFFER, call.time.starts_at))

    def about(self, messages: Iterable[OutgoingMessage]) -> list[Call]:
        """Return each of these messages with what it is about, unless that is erased."""
        messages = list(messages)
        named = Appointment.objects.with_names().filter(patient__isnull=False)
        visits: dict[Any, Any] = named.in_bulk(
            {each.object_id for each in messages if each.kind != OFFER}
        )
        related = ("slot__location", "slot__doctor", "entry__patient")
        offers: dict[Any, Any] = Offer.objects.select_related(*related).in_bulk(
            {each.object_id for each in messages if each.kind == OFFER}
        )
        pairs = [
            (each, (offers if each.kind == OFFER else visits).get(each.object_id))
            for each in messages
        ]
        owners = _owners(_patient(about) for _, about in pairs if about)
        return [
            Call(message, about, owners.get(_patient(about).user_id))
            for message, about in pairs
            if about
        ]

    def context(self, **more: Any) -> dict[str, Any]:
        """Add the proof of the page, and whether the user may act and may open a person's page."""
        rights = {
            "may_act": self.user.is_staff_with(CHANGE_MESSAGES),
            "may_open": self.user.is_staff_with(VIEW_PATIENTS),
        }
        return super().context(proof=self.proof(), most=MOST_CALLS, **rights, **more)


class CallsPage(CallParts):
    """The people to call, each with the message that did not arrive and the reason."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page; after an action, the part that changes."""
        part = "desk/call_list.html" if request.htmx else ""  # type: ignore[attr-defined]
        if part:
            self.record_unless_opened()
        return self.page(template=part, calls=self.calls())


class CallAction(CallParts):
    """An action on one message."""

    def post(self, request: HttpRequest, outgoingmessage_id: int) -> HttpResponse:
        """Call the verb and say what it did; raises Http404 for a message of another site."""
        messages = OutgoingMessage.objects.filter(kind__in=chosen_kinds())
        at_sites = messages.filter(location__in=[site.pk for site in self.sites])
        message = get_object_or_404(at_sites, pk=outgoingmessage_id)
        calls = self.about([message])
        if not calls:
            raise Http404
        return self.answer(self.attempt(partial(self.act, message, calls[0].person.name)))

    def act(self, message: OutgoingMessage, person: str) -> Said:
        """Call the verb; returns the sentence."""
        raise NotImplementedError


class Settle(CallAction):
    """Note that the person was told by telephone; a second click gets the same answer."""

    def act(self, message: OutgoingMessage, person: str) -> Said:
        """Call the verb; returns the sentence."""
        message.settle(self.user)
        return Said(gettext("%(person)s was told by telephone.") % {"person": person})


class SendAgain(CallAction):
    """Send the message once more, for a person who has an address by now."""

    def act(self, message: OutgoingMessage, person: str) -> Said:
        """Call the verb; returns the sentence."""
        message.send_again(self.user)
        return Said(gettext("The message to %(person)s is sent again.") % {"person": person})
