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
from doctor.serializers.weekly_hours import (
    HOURS_OR_PREVIEW,
    HOURS_OR_PREVIEW_EXAMPLES,
    HoursPreviewQuerySerializer,
    HoursPreviewSerializer,
    KeepSerializer,
    VersionSerializer,
    WeeklyHoursSerializer,
)

__all__ = [
    "FOUND_SLOT",
    "HOURS_OR_PREVIEW",
    "HOURS_OR_PREVIEW_EXAMPLES",
    "SLOT",
    "DoctorSerializer",
    "FoundSlotSerializer",
    "FoundSlotsSerializer",
    "HoursPreviewQuerySerializer",
    "HoursPreviewSerializer",
    "KeepSerializer",
    "LanguageSerializer",
    "LocationNameSerializer",
    "LocationSerializer",
    "ScheduleSerializer",
    "SearchSerializer",
    "SlotSerializer",
    "SpecialtyNameSerializer",
    "SpecialtySerializer",
    "VersionSerializer",
    "WeeklyHoursSerializer",
]
