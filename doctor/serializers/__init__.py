"""The serializers of the directory and the calendar."""

from doctor.serializers.calendar import (
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
