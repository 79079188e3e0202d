"""Query parameters of the directory and the calendar: each parses, or the answer is 400."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError as Invalid
from rest_framework.filters import SearchFilter
from rest_framework.request import Request

from doctor.models import Doctor, Location, Schedule, WeeklyHours
from extensions.rest.filters import IdFilter

MAX_SEARCH_LENGTH = 200
MAX_SEARCH_TERMS = 10


class IsoDateFilter(filters.DateFilter):
    """A date as ISO 8601 writes it, and in no other way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, input_formats=["%Y-%m-%d"], **kwargs)


class SearchTerms(SearchFilter):
    """`?search=` of a reasonable length: thousands of terms exhaust the database's parser."""

    def get_search_terms(self, request: Request) -> list[str]:
        """The words to find; raises ValidationError for too many, too long or unprintable ones."""
        text = request.query_params.get(self.search_param, "")
        if len(text) > MAX_SEARCH_LENGTH or len(text.split()) > MAX_SEARCH_TERMS or "\0" in text:
            limit = (
                f"Search for at most {MAX_SEARCH_TERMS} words and {MAX_SEARCH_LENGTH} characters."
            )
            raise Invalid({self.search_param: limit})
        return super().get_search_terms(request)


class DateRangeForm(forms.Form):
    """Refuses a range that ends before it starts."""

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("from"), self.cleaned_data.get("to")
        if first and last and last < first:
            reversed_range = ValidationError("The last date is before the first.", "date_range")
            raise ValidationError({"to": reversed_range})
        return self.cleaned_data


# `from` is a word of Python's own, so that a class statement could not name it.
DateRangeFilter: Any = type(filters.FilterSet)(
    "DateRangeFilter",
    (filters.FilterSet,),
    {
        "__doc__": "`?from=&to=` over the `date` of the rows, both ends included.",
        "from": IsoDateFilter(field_name="date", lookup_expr="gte", help_text="First date."),
        "to": IsoDateFilter(field_name="date", lookup_expr="lte", help_text="Last date."),
    },
)


class DoctorFilter(filters.FilterSet):
    """Find a doctor by what they practise, speak and where they are."""

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
        """Those with a session at the location from today there on."""
        location = Location.objects.filter(pk=value).first()
        return queryset.practising_at(location) if location else queryset.none()

    def filter_queryset(self, queryset: Any) -> Any:
        """Filter and order, the latter totally."""
        queryset = super().filter_queryset(queryset)
        return queryset.order_by(*queryset.query.order_by, "last_name", "first_name", "pk")


class ScheduleFilter(DateRangeFilter):
    """Find sessions by doctor, location and dates."""

    doctor = IdFilter(field_name="doctor", help_text="Id of a doctor.")
    location = IdFilter(field_name="location", help_text="Id of a location.")

    class Meta:
        model = Schedule
        form = DateRangeForm
        fields = ("doctor", "location")


class WeeklyHoursFilter(filters.FilterSet):
    """Find weekly hours by doctor and location."""

    doctor = IdFilter(field_name="doctor", help_text="Id of a doctor.")
    location = IdFilter(field_name="location", help_text="Id of a location.")

    class Meta:
        model = WeeklyHours
        fields = ("doctor", "location")
