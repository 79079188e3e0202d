"""Medical histories: of the caller and dependents, and, for a doctor, of treated patients."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.viewsets import ModelViewSet

from accounts.audit.views import AuditedViewMixin
from accounts.models import AuditEvent
from appointment.filters import MedicalHistoryFilter
from patient.models import MedicalHistory, Patient
from patient.serializers import MedicalHistorySerializer, NewMedicalHistorySerializer


@extend_schema_view(create=extend_schema(responses={201: MedicalHistorySerializer}))
class MedicalHistoryViewSet(AuditedViewMixin, ModelViewSet[MedicalHistory]):
    """The medical history of the caller and the caller's dependents, latest entry first."""

    audited_model = MedicalHistory
    role_for_others = AuditEvent.Role.DOCTOR

    queryset = MedicalHistory.objects.all()
    serializer_class = MedicalHistorySerializer
    filterset_class = MedicalHistoryFilter
    lookup_value_converter = "id"
    problems = {"post": (404,)}

    def get_serializer_class(self) -> Any:
        """Return the serializer with `patient_id` for a new entry."""
        return NewMedicalHistorySerializer if self.action == "create" else self.serializer_class

    def get_queryset(self) -> QuerySet[MedicalHistory]:
        """Return the entries of the caller and dependents.

        A list with the parameter `patient` starts from all entries: the filter checks the access.
        """
        entries = MedicalHistory.objects.select_related("patient")
        if self.action == "list" and self._patient_param():
            return entries
        return entries.visible_to(self.request.user)

    def rows_for_empty_list(self) -> Iterable[Any]:
        """Return an unsaved entry of the patient in the query: an empty list is a read, too."""
        named = self._patient_param()
        patients = Patient.objects.filter(pk=int(named)) if named else ()
        return [MedicalHistory(patient=patient) for patient in patients]

    def _patient_param(self) -> str:
        """Return the raw parameter `patient`; the filter has refused a value that is not a key."""
        return self.request.query_params.get("patient", "").strip()

    def perform_destroy(self, instance: MedicalHistory) -> None:
        """Delete the entry by `MedicalHistory.remove`, which also records an audit event."""
        instance.remove()
