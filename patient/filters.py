"""Query parameters of a patient's record."""

from django_filters import rest_framework as filters

from accounts.models import AuditEvent
from extensions.rest.filters import IdFilter


class AccessLogFilter(filters.FilterSet):
    """Narrow the access log by whom it is of."""

    patient = IdFilter(
        field_name="patient_id", help_text="Id of one's own profile or of a dependent."
    )

    class Meta:
        model = AuditEvent
        fields = ("patient",)
