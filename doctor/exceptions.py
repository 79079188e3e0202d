"""What a calendar refuses."""

from accounts.exceptions import DomainError


class SlotClosed(DomainError):
    code = "slot_closed"
    message = "This time is not open for booking."


class SlotInPast(DomainError):
    code = "slot_in_past"
    message = "This time has already begun."


class SlotFull(DomainError):
    """Every place is taken; `alternatives` holds up to three other free slots."""

    code = "slot_full"
    message = "No place is left at this time."


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


class LocationInUse(DomainError):
    code = "schedule_in_use"
    message = "The time zone cannot change while sessions are still to come at this location."
