"""What became of the messages about visits, in words for staff."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.channels import Trouble
from accounts.messages import PUSH, SMS, MailKind, reason_text
from accounts.models import OutgoingMessage
from accounts.models.message import HAS_ENDED
from appointment.messages.history import BOOKED, CANCELED, CHANGES, MOVED, OFFER, REMINDER
from appointment.models import AppointmentEvent
from doctor.models import Location
from extensions.formats import instant_text

NAMES = {
    BOOKED: pgettext_lazy("a message", "Booking"),
    MOVED: pgettext_lazy("a message", "Move"),
    CANCELED: pgettext_lazy("a message", "Cancelation"),
    REMINDER: pgettext_lazy("a message", "Reminder"),
}
CHANNELS = {SMS: _("SMS"), PUSH: _("push")}  # a message by mail names no channel
NAMES_OF_ALL = NAMES | {
    OFFER: pgettext_lazy("a message", "Offer"),
    "daysheet": pgettext_lazy("a message", "Day sheet"),
    "webhook_disabled": pgettext_lazy("a message", "Webhook switched off"),
    MailKind.VERIFICATION: pgettext_lazy("a message", "Confirming an address"),
    MailKind.PASSWORD_RESET: pgettext_lazy("a message", "New password"),
    MailKind.PASSWORD_CHANGED: pgettext_lazy("a message", "Password changed"),
    MailKind.NEW_DEVICE: pgettext_lazy("a message", "New device"),
    MailKind.ADDRESS_CHANGED: pgettext_lazy("a message", "Address changed"),
}


def failure_text(message: OutgoingMessage) -> str:
    """Return why the message was given up: it reaches the person by no channel, or was refused."""
    is_refused = message.failure.endswith(Trouble.REFUSED.value)
    other = gettext("it was refused") if is_refused else gettext("it could not be sent")
    return reason_text(message.failure, other)


def state_text(message: OutgoingMessage, location: Location) -> str:
    """Return the message's kind and state; times are on the clock of the location."""
    channel = CHANNELS.get(message.channel)
    name = f"{NAMES[message.kind]} ({channel})" if channel else NAMES[message.kind]
    known: dict[str, object] = {"message": name}
    if message.sent_at:
        known["time"] = instant_text(message.sent_at, location.zone)
        return gettext("%(message)s: sent %(time)s") % known
    if message.settled_at:
        known["time"] = instant_text(message.settled_at, location.zone)
        return gettext("%(message)s: told by telephone %(time)s") % known
    if message.given_up_at:
        known["reason"] = failure_text(message)
        return gettext("%(message)s: not sent, %(reason)s") % known
    known["time"] = instant_text(message.due_at, location.zone)
    return gettext("%(message)s: to be sent %(time)s") % known


def is_overtaken() -> Exists:
    """Return whether a later event of its visit has overtaken a message: it will not be sent."""
    events = AppointmentEvent.objects.filter(CHANGES, appointment=OuterRef("object_id"))
    return Exists(events.filter(pk__gt=OuterRef("cause")))


def messages_by_visit(visits: Iterable[int]) -> dict[int, list[OutgoingMessage]]:
    """Return the messages about the visits with these keys, oldest first, in one statement.

    One that waits is left out if a later event has overtaken it.
    """
    found: dict[int, list[OutgoingMessage]] = defaultdict(list)
    stands = HAS_ENDED | ~is_overtaken()
    rows = OutgoingMessage.objects.filter(object_id__in=[*visits], kind__in=NAMES)
    for message in rows.filter(stands).order_by("pk"):
        found[message.object_id or 0].append(message)
    return found


def last_ended(messages: list[OutgoingMessage]) -> OutgoingMessage | None:
    """Return the last message that was sent or given up; None if a copy of it waits."""
    waiting = [each for each in messages if each.sent_at is None and each.given_up_at is None]
    ended = [each for each in messages if each not in waiting]
    if not ended or any(each.cause == ended[-1].cause and each.copy for each in waiting):
        return None
    return ended[-1]
