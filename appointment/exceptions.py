"""The errors of appointments and of the waitlist."""

from extensions.exceptions import DomainError


class NotCancelable(DomainError):
    code = "not_cancelable"
    message = "Only an appointment that is scheduled and has not begun can be canceled."


class InvalidTransition(DomainError):
    code = "invalid_transition"
    message = "The appointment cannot change to this status now."


class AppointmentDeleted(NotCancelable):
    message = "The appointment has been deleted."


class CancelDeadlinePassed(DomainError):
    code = "cancel_deadline_passed"
    message = "It is too late to cancel or move this appointment. Call the location."


class PlaceAvailable(DomainError):
    """Nobody waits for what can be had; `alternatives` holds up to three such slots."""

    code = "place_available"
    message = "There is a free place that fits: book it instead of waiting."


class NoOpenOffer(DomainError):
    code = "no_open_offer"
    message = "Nothing is being offered, or not any more."


class IdempotencyKeyReused(Exception):
    """The key was used for another request within the last day."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request.")
