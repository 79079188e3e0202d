"""Domain errors of appointments and of the waitlist."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from extensions.db.retry import StaleLock
from extensions.exceptions import DomainError


class NotCancelable(DomainError):
    """The appointment is not scheduled or has begun."""

    code = "not_cancelable"
    message = _("Only an appointment that is scheduled and has not begun can be canceled.")
    staff_message = _(
        "Only a scheduled visit can be canceled or moved. To do it although it has begun, give a "
        "reason (override reason)."
    )


class InvalidTransition(DomainError):
    """The table of transitions, or the time, does not allow the change of status."""

    code = "invalid_transition"
    message = _("The appointment cannot change to this status now.")
    staff_message = _(
        "The visit cannot change to this status now. Check a patient in on the day of the visit, "
        "complete it after the check-in or the start, and mark a no-show after the start. If its "
        "last change was a mistake, undo that first."
    )


class NothingToUndo(DomainError):
    """The latest event of the visit is not a check-in, completion, no-show or cancelation."""

    code = "nothing_to_undo"
    message = _(
        "There is nothing to undo: the last change of this visit is not a check-in, completion, "
        "no-show or cancelation."
    )


class CheckedIn(DomainError):
    """The patient has checked in: only staff cancel or move the visit."""

    code = "checked_in"
    message = _("You have checked in for this appointment. Speak to the reception.")
    staff_message = _(
        "The patient has checked in. If that was a mistake, undo the check-in first. To cancel or "
        "move the visit anyway, give a reason (override reason)."
    )


class HasCome(CheckedIn):
    """The patient has checked in, so the visit is not a no-show; staff and doctors read this."""

    message = staff_message = _(
        "The patient has checked in, so this is not a no-show. If that was a mistake, undo the "
        "check-in first."
    )


class AppointmentMoved(StaleLock, NotCancelable):
    """Another call moved the visit before this one locked its slot; the verb is tried again.

    A caller sees it only if every attempt fails, and then as `not_cancelable`.
    """


class AppointmentDeleted(NotCancelable):
    """The appointment was deleted while the verb waited for its lock."""

    message = _("The appointment has been deleted.")
    staff_message = _("The visit has been deleted.")


class CancelDeadlinePassed(DomainError):
    """The cancel deadline of the location has passed."""

    code = "cancel_deadline_passed"
    message = _("It is too late to cancel or move this appointment. Call the location.")
    staff_message = _(
        "The location's deadline to cancel or move has passed. To do it anyway, give a reason "
        "(override reason)."
    )


class VisitsCollide(DomainError):
    """Live visits of two records that are merged share some time."""

    code = "patient_overlap"
    message = _("Both records have a visit at the same time. Cancel or move one of them first.")


class PlaceAvailable(DomainError):
    """The patient can book a fitting slot now; `alternatives` holds up to three of them."""

    code = "place_available"
    message = _("There is a free place that fits: book it instead of waiting.")


class AlreadyWaiting(DomainError):
    """The patient is in line for the same doctor or specialty, on days that meet these."""

    code = "already_waiting"
    message = _("The patient already waits for this doctor or specialty on some of these days.")


class TooManyEntries(DomainError):
    """The account, or a patient without one, has as many entries in line as it may have."""

    code = "too_many_entries"
    message = _("The waitlist has the most entries of this account that are allowed at once.")


class TooManyFeeds(DomainError):
    """The account has as many calendar feeds as it may have."""

    code = "too_many_feeds"
    message: Any = _("This account has the most calendar feeds that are allowed. Revoke one first.")


class NoOpenOffer(DomainError):
    """The waitlist entry has no offer that can be accepted or declined now."""

    code = "no_open_offer"
    message = _("Nothing is being offered, or not any more.")


class TooManyWebhooks(DomainError):
    """There are as many webhooks as may be."""

    code = "too_many_webhooks"
    message = _("There are 20 webhooks, which is the most. Delete one that is not needed.")


class WebhookInactive(DomainError):
    """Nothing is sent to a webhook that is not active."""

    code = "webhook_inactive"
    message = _("The webhook is not active, so that nothing is sent. Activate it first.")


class IdempotencyKeyReused(Exception):
    """The user has used the Idempotency-Key for another request within 24 hours."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request.")
