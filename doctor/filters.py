"""Query parameters of the directory and the calendar; an invalid value is 400."""

from typing import Any

from django_filters import rest_framework as filters

from doctor.models import Doctor, Location, Schedule, WeeklyHours
from extensions.rest.filters import DateRangeFilter, DateRangeForm, IdFilter


class DoctorFilter(filters.FilterSet):
    """Filter doctors by specialty, language and location, and order them by name."""

    specialty = IdFilter(field_name="specialties", help_text="Id of a specialty.")
    language = IdFilter(field_name="languages", help_text="Id of a language.")
    location = IdFilter(method="practising_at", help_text="Id of a location.")
    ordering = filters.OrderingFilter(
        fields={"last_name_key": "last_name", "first_name_key": "first_name"},
        help_text="last_name or first_name, - for descending; without case and accents.",
    )

    class Meta:
        model = Doctor
        fields = ("specialty", "language", "location", "ordering")

    def practising_at(self, queryset: Any, name: str, value: int) -> Any:
        """Keep doctors with an active session at the location on its current date or later."""
        location = Location.objects.filter(pk=value).first()
        return queryset.practising_at(location) if location else queryset.none()

    def filter_queryset(self, queryset: Any) -> Any:
        """Filter and order; name and primary key break ties, so that pages do not overlap."""
        queryset = super().filter_queryset(queryset)
        return queryset.order_by(*queryset.query.order_by, "last_name_key", "first_name_key", "pk")


class ScheduleFilter(DateRangeFilter):
    """Filter sessions by doctor, location and dates."""

    doctor = IdFilter(field_name="doctor", help_text="Id of a doctor.")
    location = IdFilter(field_name="location", help_text="Id of a location.")

    class Meta:
        model = Schedule
        form = DateRangeForm
        fields = ("doctor", "location")


class WeeklyHoursFilter(filters.FilterSet):
    """Filter weekly hours by doctor and location."""

    doctor = IdFilter(field_name="doctor", help_text="Id of a doctor.")
    location = IdFilter(field_name="location", help_text="Id of a location.")

    class Meta:
        model = WeeklyHours
        fields = ("doctor", "location")
