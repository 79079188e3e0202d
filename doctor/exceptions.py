"""Domain errors of the calendar."""

from django.utils.translation import gettext_lazy as _

from extensions.exceptions import DomainError


class PatientDeceased(DomainError):
    """Staff have marked the patient deceased; they can take the mark back."""

    code = "patient_deceased"
    message = _(
        "The clinic has recorded this person as deceased. Call the clinic if this is wrong."
    )
    staff_message = _(
        "The patient is marked deceased. Take the mark back on the patient's page if it is wrong."
    )


class AlreadyBooked(DomainError):
    code = "already_booked"
    message = _("The patient has this time booked already.")
    staff_message = _("The patient has this time booked already. Look at the patient's visits.")


class PatientOverlap(DomainError):
    code = "patient_overlap"
    message = _("The patient has another appointment at that time.")
    staff_message = _(
        "The patient has another visit at that time. Move or cancel that one first, or choose "
        "another time."
    )


class SlotClosed(DomainError):
    code = "slot_closed"
    message = _("This time is not open for booking.")
    staff_message = _(
        "This time is not open for booking: the session is inactive, the doctor is away or accepts "
        "no patients, or it lies outside the hours as they are now. Choose another time, or change "
        "what closes it."
    )


class SlotInPast(DomainError):
    code = "slot_in_past"
    message = _("This time has already begun.")
    staff_message = _(
        "This time has already begun. To book it anyway until it ends, give a reason (override "
        "reason)."
    )


class TooSoon(DomainError):
    code = "too_soon"
    message = _("It is too late to book this time: the location needs more notice.")
    staff_message = _(
        "It is too late to book this time: the location needs more notice. To book it anyway, give "
        "a reason (override reason)."
    )


class TooFar(DomainError):
    code = "too_far"
    message = _(
        "It is too early to book this time: the location does not take bookings so far ahead."
    )
    staff_message = _(
        "It is too early to book this time: the location does not take bookings so far ahead. To "
        "book it anyway, give a reason (override reason)."
    )


class TooManyAppointments(DomainError):
    """The limit of the location for a patient, or the cap of the account over all its people."""

    code = "too_many_appointments"
    message = _(
        "No more appointments can be booked now: the patient has as many at this location, or the "
        "account as many for all its people, as are allowed at once."
    )
    staff_message = _(
        "The patient has as many visits at this location, or the account as many for all its "
        "people, as are allowed at once. To book one more anyway, give a reason (override reason)."
    )


class SlotFull(DomainError):
    """Every place is taken; `alternatives` holds up to three other free slots."""

    code = "slot_full"
    message = _("No place is left at this time.")
    staff_message = _(
        "No place is left at this time. Choose another time, put the patient on the waitlist, or "
        "squeeze the patient in with a reason (override reason)."
    )


# The error for each reason of the booking rules (doctor.models.booking_rules.REASONS).
REFUSALS: dict[str, type[DomainError]] = {
    "deceased": PatientDeceased,
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
    message = _("No place of this slot is taken, so it cannot give one back.")


class ScheduleOverlap(DomainError):
    code = "schedule_overlap"
    message = _(
        "The doctor already has a session at that time. Change that session, or choose other times."
    )


class ScheduleInUse(DomainError):
    """The change would leave appointments without a place; `appointments` holds their ids."""

    code = "schedule_in_use"
    message = _(
        "Visits are booked in this session. Move or cancel them first. To take no more "
        "bookings, make the session inactive: what is booked stays."
    )


class HoursInUse(ScheduleInUse):
    """A change of weekly hours would leave appointments without a place."""

    message = _(
        "Visits are booked outside the changed hours. Move or cancel them first, or keep "
        "them: they then stay at their times and go to the work list."
    )


class HoursOverlap(DomainError):
    """Other weekly hours of the doctor overlap; `weekly_hours` holds their ids."""

    code = "hours_overlap"
    message = _(
        "The doctor has other weekly hours at that time. Change those or give them a last date "
        "first, or choose other times."
    )


class AlreadyAway(DomainError):
    """Leave that is stored covers all of the leave to be entered."""

    code = "already_away"
    message = _(
        "The leave is entered already: a leave of the same doctor or location covers all of this "
        "time. To change that one, open it in the list of leave."
    )


class LocationInUse(DomainError):
    code = "schedule_in_use"
    message = _(
        "The time zone cannot change while the location has coming sessions. End its weekly hours "
        "and delete these sessions first, or add a location with the other time zone."
    )
