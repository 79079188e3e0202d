"""The access log of the caller and dependents."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from rest_framework.generics import ListAPIView

from accounts.audit.views import AuditedListMixin, record_read
from accounts.models import AuditEvent
from appointment.access_log import AccessLines
from appointment.serializers import AccessLineSerializer
from patient.filters import AccessLogFilter
from patient.models import Patient
from patient.models.merging import MergedPatient


class AccessLogView(AuditedListMixin, ListAPIView[AuditEvent]):
    """List who has read or changed data of the caller and dependents, latest first.

    Each person, patient and day has one line, with a sentence for people (`text`) on the clock of
    the clinic. Reads of this list are left out.
    """

    audited_model = AuditEvent
    queryset = AuditEvent.objects.all()
    serializer_class = AccessLineSerializer
    filterset_class = AccessLogFilter

    def get_queryset(self) -> QuerySet[AuditEvent]:
        """Return the audit events of the caller's patients, and of records merged into them."""
        patients = Patient.objects.cared_for_by(self.request.user)
        log: QuerySet[AuditEvent] = MergedPatient.objects.access_log_of(patients)
        return log.select_related("actor")

    def filter_queryset(self, queryset: Any) -> Any:
        """Return the lines of the events that the filter leaves."""
        patients = Patient.objects.cared_for_by(self.request.user)
        return AccessLines(super().filter_queryset(queryset), patients)

    def record_read(self, of: Any, rows: Iterable[Any]) -> None:
        """Record the read in the role `patient`: all rows concern the caller or dependents."""
        record_read(of, rows, "whose", role=AuditEvent.Role.PATIENT)
