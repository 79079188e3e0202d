"""Whom to call: people whom no message about their visit has reached."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, pgettext_lazy

from accounts.models import OutgoingMessage
from appointment.desk.access import VIEW_PATIENTS
from appointment.desk.answers import Said, place_text
from appointment.desk.line_query import Person
from appointment.desk.navigation import CHANGE_MESSAGES, VIEW_MESSAGES
from appointment.desk.pages import DeskPage
from appointment.messages.not_told import not_told
from appointment.messages.state import NAMES, failure_text
from appointment.models import Appointment

MOST_CALLS = 200  # shown at once


@dataclass(frozen=True)
class Call:
    """A message that did not reach its person, and the visit that it is about."""

    message: OutgoingMessage
    visit: Appointment

    @cached_property
    def person(self) -> Person:
        """The patient."""
        return Person(self.visit.patient)

    @property
    def what(self) -> str:
        """The kind of the message, in words."""
        return str(NAMES[self.message.kind])

    @property
    def place(self) -> str:
        """Doctor, time and site of the visit."""
        return place_text(self.visit)

    @property
    def why(self) -> str:
        """Why the message reached nothing."""
        return failure_text(self.message)


class CallParts(DeskPage):
    """What the page and its actions share."""

    title = pgettext_lazy("page of the desk", "Not told: call")
    template_name = "desk/calls.html"
    permission = VIEW_MESSAGES
    permission_to_change = CHANGE_MESSAGES
    kind = "desk.calls"
    audited_model = OutgoingMessage

    def calls(self) -> list[Call]:
        """Return the calls to make at the user's sites, the soonest visit first."""
        rows = not_told(self.at).filter(location__in=[site.pk for site in self.sites])
        messages = list(rows.order_by("-pk")[:MOST_CALLS])
        named = Appointment.objects.with_names().filter(patient__isnull=False)
        visits = named.in_bulk({message.object_id for message in messages})
        found = [
            Call(message, visits[message.object_id])
            for message in messages
            if message.object_id in visits
        ]
        return sorted(found, key=lambda call: (call.visit.starts_at, call.message.pk))

    def context(self, **more: Any) -> dict[str, Any]:
        """Add the proof of the page, whether the user may act, and open a person's page."""
        rights = {
            "may_act": self.user.is_staff_with(CHANGE_MESSAGES),
            "may_open": self.user.is_staff_with(VIEW_PATIENTS),
        }
        return super().context(proof=self.proof(), **rights, **more)


class CallsPage(CallParts):
    """The people to call, with what they do not know yet and why it did not reach them."""

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
        messages = OutgoingMessage.objects.filter(kind__in=NAMES)
        at_sites = messages.filter(location__in=[site.pk for site in self.sites])
        message = get_object_or_404(at_sites, pk=outgoingmessage_id)
        visits = Appointment.objects.with_names().filter(patient__isnull=False)
        visit = get_object_or_404(visits, pk=message.object_id)
        return self.answer(self.attempt(partial(self.act, message, Person(visit.patient).name)))

    def act(self, message: OutgoingMessage, person: str) -> Said:
        """Call the verb; returns the sentence."""
        raise NotImplementedError


class Settle(CallAction):
    """Note that the person was told by telephone; a second click is answered as the first."""

    def act(self, message: OutgoingMessage, person: str) -> Said:
        """Call the verb; returns the sentence."""
        message.settle(self.user)
        return Said(gettext("%(person)s was told by telephone.") % {"person": person})


class SendAgain(CallAction):
    """Send the message once more, for a person who has an address by now."""

    def act(self, message: OutgoingMessage, person: str) -> Said:
        """Call the verb; returns the sentence."""
        message.again(self.user)
        return Said(gettext("The message to %(person)s is sent again.") % {"person": person})
