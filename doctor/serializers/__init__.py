"""The shape of the directory and the calendar in the API."""

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

__all__ = [
    "SLOT",
    "AvailableSlotsSerializer",
    "DoctorSerializer",
    "LanguageSerializer",
    "LocationNameSerializer",
    "LocationSerializer",
    "ScheduleSerializer",
    "SlotSerializer",
    "SpecialtyNameSerializer",
    "SpecialtySerializer",
    "WindowSerializer",
    "key_of",
]
