"""What a calendar refuses."""

from extensions.exceptions import DomainError


class AlreadyBooked(DomainError):
    code = "already_booked"
    message = "The patient has this time booked already."


class PatientOverlap(DomainError):
    code = "patient_overlap"
    message = "The patient has another appointment at that time."


class SlotClosed(DomainError):
    code = "slot_closed"
    message = "This time is not open for booking."


class SlotInPast(DomainError):
    code = "slot_in_past"
    message = "This time has already begun."


class TooSoon(DomainError):
    code = "too_soon"
    message = "It is too late to book this time: the location asks for more notice."


class TooFar(DomainError):
    code = "too_far"
    message = "This time is further ahead than the location takes bookings."


class TooManyAppointments(DomainError):
    code = "too_many_appointments"
    message = "The patient has as many appointments at this location as it allows."


class SlotFull(DomainError):
    """Every place is taken; `alternatives` holds up to three other free slots."""

    code = "slot_full"
    message = "No place is left at this time."


# What the reasons of the rule (doctor.models.booking_rules) are told as.
REFUSALS: dict[str, type[DomainError]] = {
    "already_booked": AlreadyBooked,
    "patient_overlap": PatientOverlap,
    "closed": SlotClosed,
    "past": SlotInPast,
    "too_soon": TooSoon,
    "too_far": TooFar,
    "too_many": TooManyAppointments,
    "full": SlotFull,
}


class NothingToRelease(DomainError):
    code = "invalid_transition"
    message = "No place of this slot is taken, so none can be given back."


class ScheduleOverlap(DomainError):
    code = "schedule_overlap"
    message = "The doctor already has a session at that time."


class ScheduleInUse(DomainError):
    """The change would strand appointments; `appointments` holds their ids."""

    code = "schedule_in_use"
    message = "Appointments are booked in this session. Move or cancel them first."


class HoursOverlap(DomainError):
    """`weekly_hours` holds the ids of the doctor's other hours that are in the way."""

    code = "hours_overlap"
    message = "The doctor keeps other hours at that time."


class LocationInUse(DomainError):
    code = "schedule_in_use"
    message = "The time zone cannot change while sessions are still to come at this location."
