"""The views of the directory and the calendar."""

from doctor.views.directory import (
    DoctorsBySpecialtyView,
    DoctorViewSet,
    LanguageViewSet,
    LocationViewSet,
    ScheduleViewSet,
    SpecialtyViewSet,
)
from doctor.views.search import SlotSearchView
from doctor.views.weekly_hours import WeeklyHoursViewSet

__all__ = [
    "DoctorViewSet",
    "DoctorsBySpecialtyView",
    "LanguageViewSet",
    "LocationViewSet",
    "ScheduleViewSet",
    "SlotSearchView",
    "SpecialtyViewSet",
    "WeeklyHoursViewSet",
]
