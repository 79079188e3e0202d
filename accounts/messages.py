"""What a message says: one MessageKind a kind, found through the setting MESSAGE_KINDS.

The queue of messages (`accounts.models.message`) knows no visit: the kinds of messages about visits
stand in `appointment.messages`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

EMAIL, SMS, PUSH = "email", "sms", "push"
CHANNELS = (EMAIL, SMS, PUSH)
DEFAULT_CHANNELS = {EMAIL: True, SMS: False, PUSH: False}
AS_CHOSEN = ""  # the channel of a message until it is known which ones its person has chosen


class MailKind(models.TextChoices):
    """What the client asked for, or what the owner of an account must know."""

    VERIFICATION = "verification"
    PASSWORD_RESET = "password_reset"  # noqa: S105  # nosec B105  # a kind of mail
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  # nosec B105  # the same
    NEW_DEVICE = "new_device"
    ADDRESS_CHANGED = "address_changed"


# Why a message is given up, as its row has it, and in words.
NO_ACCOUNT, ENDED, TOO_LATE = "no account", "account ended", "too late"
MISSING = {EMAIL: "no verified address", SMS: "no phone number", PUSH: "no device"}
OFF = {EMAIL: "email is off", SMS: "sms is off", PUSH: "push is off"}
REASONS = {
    NO_ACCOUNT: _("no account"),
    ENDED: _("the account was ended"),
    TOO_LATE: _("it was not sent in time"),
    MISSING[EMAIL]: _("no verified e-mail address"),
    MISSING[SMS]: _("no phone number"),
    MISSING[PUSH]: _("no device for push messages"),
    OFF[EMAIL]: _("e-mail is not in service"),
    OFF[SMS]: _("SMS is not in service"),
    OFF[PUSH]: _("push is not in service"),
}

# Anyone can ask for these, for any address; the other kinds are notices to the owner.
ASKED_FOR = (MailKind.VERIFICATION, MailKind.PASSWORD_RESET)


@dataclass(frozen=True)
class Message:
    """A message ready to be sent. The subject holds no secret and no medical detail.

    `to`: an e-mail address, a telephone number (E.164) or the token of a device, by the channel.
    `also_to`: the tokens of the person's other devices. `alternatives`: further forms of the text,
    as pairs of content and media type. `attachments`: name, content and media type of each.
    `key`: the same at each try of a row; the queue sets it.
    """

    channel: str
    to: str
    subject: str
    text: str
    alternatives: tuple[tuple[str, str], ...] = ()
    attachments: tuple[tuple[str, bytes, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    also_to: tuple[str, ...] = ()
    key: str = ""


class PutOff(Exception):
    """The message is not to be sent before the instant `until`; the claim counts as no try."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


class Unreachable(Exception):
    """The message can reach its person by no channel; the text says why, without an address."""


def reason_text(failure: str, other: Any = "") -> str:
    """Return in words why a message was given up.

    `other`: what stands for the name of an error; without it, the name.
    """
    words = [str(REASONS.get(each, other or each)) for each in failure.split(", ")]
    return ", ".join(dict.fromkeys(words))


class MessageKind:
    """One kind of message: its name in the queue, and what it says.

    `about`: what `object_id` is the key of; empty for a mail of an account. `is_urgent`: goes
    before the other kinds, since a person waits for it. `is_limited`: one address gets a limited
    number of tries an hour. `is_chosen`: the person chooses the channels (NotificationChoice).
    `is_needed`: the person cannot turn off all of them.
    """

    name: str
    about = ""
    is_urgent = False
    is_limited = False
    is_chosen = False
    is_needed = False

    def channels(self, row: Any, at: datetime) -> tuple[str, ...]:
        """Return the channels by which to send this row, which has none yet.

        Empty if there is no reason for it any more, or the person has turned this kind off. Raises
        Unreachable if the person has chosen channels but none of them works, and PutOff.
        """
        return (EMAIL,)

    def compose(self, row: Any, at: datetime) -> Message | None:
        """Return what to send by the row's channel; None if there is no reason any more.

        Writes a mail for a row without a channel. Raises PutOff, and Unreachable.
        """
        raise NotImplementedError


@cache
def kinds() -> dict[str, MessageKind]:
    """Return the kinds of the setting MESSAGE_KINDS by their names."""
    found: list[Iterable[MessageKind]] = [import_string(path) for path in settings.MESSAGE_KINDS]
    return {kind.name: kind for each in found for kind in each}


@cache
def chosen_kinds() -> dict[str, MessageKind]:
    """Return the kinds whose channels people choose, by their names."""
    return {name: kind for name, kind in kinds().items() if kind.is_chosen}
