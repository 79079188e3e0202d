"""The public directory and calendar, and what staff keep behind them."""

from doctor.views.directory import (
    AvailableSlotsView,
    DoctorsBySpecialtyView,
    DoctorViewSet,
    LanguageViewSet,
    LocationViewSet,
    ScheduleViewSet,
    SpecialtyViewSet,
)
from doctor.views.weekly_hours import WeeklyHoursViewSet

__all__ = [
    "AvailableSlotsView",
    "DoctorViewSet",
    "DoctorsBySpecialtyView",
    "LanguageViewSet",
    "LocationViewSet",
    "ScheduleViewSet",
    "SpecialtyViewSet",
    "WeeklyHoursViewSet",
]
