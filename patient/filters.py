"""Query parameters of a patient's record."""

from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters

from accounts.models import AuditEvent
from extensions.rest.filters import IdFilter
from patient.models import MedicalHistory


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
        """Of one patient whose history the caller may read."""
        return queryset.of_patient(value, self.request.user, timezone.now())


class AccessLogFilter(filters.FilterSet):
    """Narrow the access log by whom it is of."""

    patient = IdFilter(
        field_name="patient_id", help_text="Id of one's own profile or of a dependent."
    )

    class Meta:
        model = AuditEvent
        fields = ("patient",)
