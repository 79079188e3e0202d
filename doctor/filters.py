"""Query parameters of the directory and the calendar; an invalid value is 400."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError as Invalid
from rest_framework.filters import SearchFilter
from rest_framework.request import Request

from doctor.models import Doctor, Location, Schedule, WeeklyHours
from extensions.rest.filters import IdFilter

LONGEST_SEARCH = 200
MOST_TERMS = 10


class IsoDateFilter(filters.DateFilter):
    """A date in ISO 8601 format only, such as 2026-12-01."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, input_formats=["%Y-%m-%d"], **kwargs)


class SearchTerms(SearchFilter):
    """`?search=` with a limited length: thousands of words exhaust the database's parser."""

    def get_search_terms(self, request: Request) -> list[str]:
        """Return the words to find; raises ValidationError for too many words or characters."""
        text = request.query_params.get(self.search_param, "")
        if len(text) > LONGEST_SEARCH or len(text.split()) > MOST_TERMS or "\0" in text:
            limit = f"Search for at most {MOST_TERMS} words and {LONGEST_SEARCH} characters."
            raise Invalid({self.search_param: limit})
        return super().get_search_terms(request)


class DateRangeForm(forms.Form):
    """Refuse a range that ends before it starts."""

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("from"), self.cleaned_data.get("to")
        if first and last and last < first:
            reversed_range = ValidationError("The last date is before the first.", "date_range")
            raise ValidationError({"to": reversed_range})
        return self.cleaned_data


# `from` is a Python keyword: a class statement cannot name a filter so.
DateRangeFilter: Any = type(filters.FilterSet)(
    "DateRangeFilter",
    (filters.FilterSet,),
    {
        "__doc__": "Filter rows by `date`, from `?from=` to `?to=`, both included.",
        "from": IsoDateFilter(field_name="date", lookup_expr="gte", help_text="First date."),
        "to": IsoDateFilter(field_name="date", lookup_expr="lte", help_text="Last date."),
    },
)


class DoctorFilter(filters.FilterSet):
    """Filter doctors by specialty, language and location, and order them by name."""

    specialty = IdFilter(field_name="specialties", help_text="Id of a specialty.")
    language = IdFilter(field_name="languages", help_text="Id of a language.")
    location = IdFilter(method="practising_at", help_text="Id of a location.")
    ordering = filters.OrderingFilter(
        fields=("last_name", "first_name"), help_text="last_name or first_name, - for descending."
    )

    class Meta:
        model = Doctor
        fields = ("specialty", "language", "location", "ordering")

    def practising_at(self, queryset: Any, name: str, value: int) -> Any:
        """Keep doctors with a session at the location, today (its date) or later."""
        location = Location.objects.filter(pk=value).first()
        return queryset.practising_at(location) if location else queryset.none()

    def filter_queryset(self, queryset: Any) -> Any:
        """Filter and order; name and primary key make the order total."""
        queryset = super().filter_queryset(queryset)
        return queryset.order_by(*queryset.query.order_by, "last_name", "first_name", "pk")


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
