"""Query parameters of one's appointments."""

from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters

from appointment.models import Appointment, Status, WaitlistEntry, WaitlistStatus
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
    """Narrow one's appointments by whose they are, status and date at the location."""

    patient = IdFilter(field_name="patient", help_text="Id of one's own profile or of a dependent.")
    status = filters.ChoiceFilter(choices=Status.choices)
    upcoming = StrictBooleanFilter(
        method="of_the_future", help_text="true: scheduled and not begun; false: all others."
    )
    ordering = filters.OrderingFilter(
        fields=("starts_at", "created_at"), help_text="- for descending."
    )

    class Meta:
        model = Appointment
        form = DateRangeForm
        fields = ("patient", "status")

    def of_the_future(self, queryset: Any, name: str, value: bool) -> Any:
        """What is to come, or all but that."""
        upcoming = Appointment.objects.upcoming(timezone.now())
        return queryset.filter(pk__in=upcoming) if value else queryset.exclude(pk__in=upcoming)

    def filter_queryset(self, queryset: Any) -> Any:
        """Filter and order, the latter totally."""
        queryset = super().filter_queryset(queryset)
        return queryset.order_by(*queryset.query.order_by, "-starts_at", "-pk")


class TimeOffFilter(DateRangeFilter):
    """Find leave by doctor, location and the days that it touches."""

    doctor = IdFilter(field_name="doctor", help_text="Id of a doctor.")
    location = IdFilter(field_name="location", help_text="Id of a location.")

    class Meta:
        model = TimeOff
        form = DateRangeForm
        fields = ("doctor", "location")

    def filter_queryset(self, queryset: Any) -> Any:
        """Days as the location counts them; of a doctor's leave, as UTC does."""
        asked = dict(self.form.cleaned_data)
        days = asked.pop("from"), asked.pop("to")
        for name, value in asked.items():
            queryset = self.filters[name].filter(queryset, value)
        return queryset.on_days(*days) if any(days) else queryset


class AgendaFilter(filters.FilterSet):
    """Choose the day of an agenda; by default it is today, as each location counts days."""

    date = IsoDateFilter(help_text="At the location; by default today.")

    class Meta:
        model = Appointment
        fields = ("date",)

    def filter_queryset(self, queryset: Any) -> Any:
        """The day asked for, or today."""
        if self.form.cleaned_data["date"] is None:
            return queryset.today(timezone.now())
        return super().filter_queryset(queryset)


class WaitlistFilter(filters.FilterSet):
    """Narrow what one waits for by whose it is and where it stands."""

    patient = IdFilter(field_name="patient", help_text="Id of one's own profile or of a dependent.")
    status = filters.ChoiceFilter(field_name="state", choices=WaitlistStatus.choices)

    class Meta:
        model = WaitlistEntry
        fields = ("patient",)


class MedicalHistoryFilter(filters.FilterSet):
    """Narrow the history by whose and what it is and whether it still matters."""

    patient = IdFilter(
        method="of_patient",
        help_text="Id of one's own profile, of a dependent or, for a doctor, of somebody with an "
        "appointment with them that is to come or ended within 30 days. Anybody else is 404.",
    )
    kind = filters.ChoiceFilter(choices=MedicalHistory.Kind.choices)
    status = filters.ChoiceFilter(choices=MedicalHistory.Status.choices)

    class Meta:
        model = MedicalHistory
        fields = ("patient", "kind", "status")

    def of_patient(self, queryset: Any, name: str, value: int) -> Any:
        """The entries of one patient; raises Patient.DoesNotExist, which becomes a 404."""
        patient = readable_patient(value, self.request.user, timezone.now())
        return queryset.filter(patient=patient)
