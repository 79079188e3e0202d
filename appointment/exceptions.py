"""What an appointment refuses."""

from accounts.exceptions import DomainError


class AlreadyBooked(DomainError):
    code = "already_booked"
    message = "The patient has this time booked already."


class PatientOverlap(DomainError):
    code = "patient_overlap"
    message = "The patient has another appointment at that time."


class NotCancelable(DomainError):
    code = "not_cancelable"
    message = "Only an appointment that is scheduled and has not begun can be canceled."


class InvalidTransition(DomainError):
    code = "invalid_transition"
    message = "The appointment cannot change to this status now."
