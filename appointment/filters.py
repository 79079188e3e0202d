"""Query parameters of appointments, leave, the waitlist and medical histories."""

from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters

from appointment.models import Appointment, Status, WaitlistEntry, WaitlistStatus
from appointment.models.appointment import is_upcoming
from appointment.models.treatment import readable_patient
from doctor.models import TimeOff
from extensions.rest.filters import (
    DateRangeFilter,
    DateRangeForm,
    IdFilter,
    IsoDateFilter,
    StrictBooleanFilter,
)
from patient.models import MedicalHistory


class AppointmentFilter(DateRangeFilter):
    """Filter appointments by patient, status and date at the location."""

    patient = IdFilter(
        field_name="patient", help_text="Id of the caller's own profile or of a dependent."
    )
    status = filters.ChoiceFilter(choices=Status.choices)
    upcoming = StrictBooleanFilter(
        method="filter_upcoming", help_text="true: scheduled and not begun; false: all others."
    )
    ordering = filters.OrderingFilter(
        fields=("starts_at", "created_at"), help_text="Prefix with - for descending."
    )

    class Meta:
        model = Appointment
        form = DateRangeForm
        fields = ("patient", "status")

    def filter_upcoming(self, queryset: Any, name: str, value: bool) -> Any:
        """Keep the upcoming appointments, or all others."""
        upcoming = is_upcoming(timezone.now())
        return queryset.filter(upcoming) if value else queryset.exclude(upcoming)

    def filter_queryset(self, queryset: Any) -> Any:
        """Filter, and complete the ordering by start and key, so that it is total."""
        queryset = super().filter_queryset(queryset)
        return queryset.order_by(*queryset.query.order_by, "-starts_at", "-pk")


class TimeOffFilter(DateRangeFilter):
    """Filter leave by doctor, location and dates."""

    doctor = IdFilter(field_name="doctor", help_text="Id of a doctor.")
    location = IdFilter(field_name="location", help_text="Id of a location.")

    class Meta:
        model = TimeOff
        form = DateRangeForm
        fields = ("doctor", "location")

    def filter_queryset(self, queryset: Any) -> Any:
        """Filter by doctor and location, and keep leave that overlaps the dates.

        Dates are those of the closed location or, for a doctor's leave, in UTC. The inherited
        filters compare a column `date`, which leave does not have.
        """
        values = dict(self.form.cleaned_data)
        dates = values.pop("from"), values.pop("to")
        for name, value in values.items():
            queryset = self.filters[name].filter(queryset, value)
        return queryset.on_days(*dates) if any(dates) else queryset


class AgendaFilter(filters.FilterSet):
    """Choose the date of an agenda; by default today at each location."""

    date = IsoDateFilter(help_text="At the location; by default today.")

    class Meta:
        model = Appointment
        fields = ("date",)

    def filter_queryset(self, queryset: Any) -> Any:
        """Keep the appointments on the date, or on today's date at their location."""
        day = self.form.cleaned_data["date"]
        return queryset.today(timezone.now()) if day is None else queryset.on(day)


class WaitlistFilter(filters.FilterSet):
    """Filter waitlist entries by patient and present status."""

    patient = IdFilter(
        field_name="patient", help_text="Id of the caller's own profile or of a dependent."
    )
    status = filters.ChoiceFilter(field_name="state", choices=WaitlistStatus.choices)

    class Meta:
        model = WaitlistEntry
        fields = ("patient",)


class MedicalHistoryFilter(filters.FilterSet):
    """Filter medical history by patient, kind and status."""

    patient = IdFilter(
        method="filter_patient",
        help_text="Id of the caller's own profile or of a dependent. A doctor may also name a "
        "patient of an own appointment that is coming or ended within 30 days. Others are 404.",
    )
    kind = filters.ChoiceFilter(choices=MedicalHistory.Kind.choices)
    status = filters.ChoiceFilter(choices=MedicalHistory.Status.choices)

    class Meta:
        model = MedicalHistory
        fields = ("patient", "kind", "status")

    def filter_patient(self, queryset: Any, name: str, value: int) -> Any:
        """Keep the entries of one patient.

        Raises Patient.DoesNotExist, a 404, for a patient whose history the caller may not read.
        """
        patient = readable_patient(value, self.request.user, timezone.now())
        return queryset.filter(patient=patient)
