"""The serializers of the directory and the calendar."""

from doctor.serializers.calendar import (
    SLOT,
    AvailableSlotsSerializer,
    ScheduleSerializer,
    SlotSerializer,
    WindowSerializer,
)
from doctor.serializers.directory import (
    DoctorSerializer,
    LanguageSerializer,
    LocationNameSerializer,
    LocationSerializer,
    SpecialtyNameSerializer,
    SpecialtySerializer,
    key_of,
)
from doctor.serializers.instant import InstantField
from doctor.serializers.search import FoundSlotSerializer, FoundSlotsSerializer, SearchSerializer
from doctor.serializers.weekly_hours import KeepSerializer, WeeklyHoursSerializer

__all__ = [
    "SLOT",
    "AvailableSlotsSerializer",
    "DoctorSerializer",
    "FoundSlotSerializer",
    "FoundSlotsSerializer",
    "InstantField",
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
    "WindowSerializer",
    "key_of",
]
