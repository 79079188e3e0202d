"""What an appointment refuses."""

from accounts.exceptions import DomainError


class NotCancelable(DomainError):
    code = "not_cancelable"
    message = "Only an appointment that is scheduled and has not begun can be canceled."


class InvalidTransition(DomainError):
    code = "invalid_transition"
    message = "The appointment cannot change to this status now."


class Gone(NotCancelable):
    message = "The appointment has been deleted."


class CancelDeadlinePassed(DomainError):
    code = "cancel_deadline_passed"
    message = "It is too late to cancel or move this appointment. Call the location."


class Moved(Exception):
    """The appointment was moved to another slot meanwhile: look again."""


class IdempotencyKeyReused(Exception):
    """The key was used for another request within the last day."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request.")
