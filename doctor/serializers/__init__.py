"""The serializers of the directory and the calendar."""

from doctor.serializers.calendar import (
    FOUND_SLOT,
    SLOT,
    ScheduleSerializer,
    SlotSerializer,
)
from doctor.serializers.directory import (
    DoctorSerializer,
    LanguageSerializer,
    LocationNameSerializer,
    LocationSerializer,
    SpecialtyNameSerializer,
    SpecialtySerializer,
)
from doctor.serializers.search import FoundSlotSerializer, FoundSlotsSerializer, SearchSerializer
from doctor.serializers.weekly_hours import KeepSerializer, WeeklyHoursSerializer

__all__ = [
    "FOUND_SLOT",
    "SLOT",
    "DoctorSerializer",
    "FoundSlotSerializer",
    "FoundSlotsSerializer",
    "KeepSerializer",
    "LanguageSerializer",
    "LocationNameSerializer",
    "LocationSerializer",
    "ScheduleSerializer",
    "SearchSerializer",
    "SlotSerializer",
    "SpecialtyNameSerializer",
    "SpecialtySerializer",
    "WeeklyHoursSerializer",
]
