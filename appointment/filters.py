"""Query parameters of appointments, leave, the waitlist and medical histories."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django_filters import rest_framework as filters

from appointment.models import (
    Appointment,
    DeliveryState,
    Status,
    WaitlistEntry,
    WaitlistStatus,
    WebhookDelivery,
)
from appointment.models.treatment import readable_patient
from appointment.models.work_list_scopes import is_upcoming
from doctor.models import TimeOff
from extensions.db.fields import MAX_KEY
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
        help_text="true: scheduled and not begun; false: all others.",
    )
    ordering = filters.OrderingFilter(
        fields=("starts_at", "created_at"), help_text="Prefix with - for descending."
    )

    class Meta:
        model = Appointment
        form = DateRangeForm
        fields = ("patient", "status")

    def filter_queryset(self, queryset: Any) -> Any:
        """Filter and order as `condition_of` and `order_of` say."""
        values = self.form.cleaned_data
        return queryset.filter(condition_of(values, timezone.now())).order_by(*order_of(values))


def condition_of(values: Mapping[str, Any], at: datetime) -> Q:
    """Return the condition of visits at the instant that these values of AppointmentFilter mean."""
    looked_up = {"patient": "patient", "status": "status", "from": "date__gte", "to": "date__lte"}
    given = {
        path: values[name] for name, path in looked_up.items() if values[name] not in {None, ""}
    }
    if not 0 <= given.get("patient", 0) <= MAX_KEY:
        return Q(pk__in=[])  # the database cannot compare such a key
    upcoming = {None: Q(), True: is_upcoming(at), False: ~is_upcoming(at)}[values["upcoming"]]
    return Q(upcoming, **given)


def order_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns to order by, completed by start and key, so that the order is total.

    A column that is named again decides nothing, and is left out.
    """
    order = {
        name.lstrip("-"): name for name in reversed((*(values["ordering"] or ()), "-starts_at"))
    }
    return (*reversed(order.values()), "-pk")


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


class WebhookDeliveryFilter(filters.FilterSet):
    """Filter the messages of a webhook by what has become of them."""

    status = filters.ChoiceFilter(choices=DeliveryState.choices, method="in_state")

    class Meta:
        model = WebhookDelivery
        fields = ()

    def in_state(self, queryset: Any, name: str, value: str) -> Any:
        """Keep the messages in this state."""
        return queryset.in_state(value)
