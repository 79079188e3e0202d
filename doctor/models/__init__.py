"""Doctors, locations, sessions and slots."""

from doctor.models.directory import Language, Location, Specialty
from doctor.models.doctor import Doctor
from doctor.models.schedule import Schedule
from doctor.models.site_staff import SiteStaff
from doctor.models.slot import Slot
from doctor.models.time_off import TimeOff
from doctor.models.weekly_hours import Weekday, WeeklyHours

__all__ = [
    "Doctor",
    "Language",
    "Location",
    "Schedule",
    "SiteStaff",
    "Slot",
    "Specialty",
    "TimeOff",
    "Weekday",
    "WeeklyHours",
]
