"""Query parameters of the access log."""

from django_filters import rest_framework as filters

from accounts.models import AuditEvent
from extensions.rest.filters import IdFilter


class AccessLogFilter(filters.FilterSet):
    """Filter the access log by patient."""

    patient = IdFilter(
        field_name="whose", help_text="Id of the caller's own profile or of a dependent."
    )

    class Meta:
        model = AuditEvent
        fields = ("patient",)
