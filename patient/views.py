"""Profiles, dependents and the access log of the caller. Other patients are 404."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.mixins import CreateModelMixin, DestroyModelMixin, UpdateModelMixin
from rest_framework.viewsets import GenericViewSet, ModelViewSet

from accounts.audit.views import (
    AuditedListMixin,
    AuditedRetrieveMixin,
    AuditedViewMixin,
    record_read,
)
from accounts.models import AuditEvent
from patient.filters import AccessLogFilter
from patient.models import Patient
from patient.serializers import (
    AccessSerializer,
    DependentSerializer,
    PatientSerializer,
)


class PatientViewSet(
    AuditedRetrieveMixin,
    UpdateModelMixin,
    DestroyModelMixin,
    GenericViewSet[Patient],
):
    """The caller's own profile, by its id. Deleting it erases the person."""

    audited_model = Patient
    patient_path = ""

    queryset = Patient.objects.all()
    serializer_class = PatientSerializer

    def get_queryset(self) -> QuerySet[Patient]:
        """Return the caller's own profile."""
        return Patient.objects.own_of(self.request.user)

    def perform_destroy(self, instance: Patient) -> None:
        """Erase the person instead of deleting the row: past visits stay, without a name."""
        instance.erase(by=instance.user)


@extend_schema_view(
    **{
        action: extend_schema(operation_id=f"patient_own_profile_{action}")
        for action in ("retrieve", "create", "update", "partial_update", "destroy")
    }
)
class OwnProfileViewSet(CreateModelMixin, PatientViewSet):
    """The caller's own profile, without its id. Deleting it erases the person."""

    problems = dict.fromkeys(("get", "put", "patch", "delete"), (404,))
    conflicts = {"post": ("profile_exists",)}

    def get_object(self) -> Any:
        """Return the caller's own profile; raises Http404 before it exists."""
        return get_object_or_404(self.get_queryset())


class DependentViewSet(AuditedViewMixin, ModelViewSet[Patient]):
    """The caller's dependents, by name. Deleting one erases the person."""

    audited_model = Patient
    patient_path = ""
    conflicts = {"delete": ("checked_in", "cancel_deadline_passed")}

    queryset = Patient.objects.all()
    serializer_class = DependentSerializer
    lookup_value_converter = "id"

    def get_queryset(self) -> QuerySet[Patient]:
        """Return the caller's dependents."""
        return Patient.objects.dependents_of(self.request.user)

    def perform_destroy(self, instance: Patient) -> None:
        """Erase the person, unless a visit can no longer be canceled; past visits stay, unnamed."""
        instance.erase(by=instance.user, keep_deadlines=True)


class AccessLogView(AuditedListMixin, ListAPIView[AuditEvent]):
    """List who has read or changed data of the caller and dependents, latest first.

    Reads of this list are left out.
    """

    audited_model = AuditEvent
    queryset = AuditEvent.objects.all()
    serializer_class = AccessSerializer
    filterset_class = AccessLogFilter

    def get_queryset(self) -> QuerySet[AuditEvent]:
        """Return the audit events of the caller's patients."""
        patients = Patient.objects.cared_for_by(self.request.user)
        return AuditEvent.objects.access_log_of(patients.values("pk")).select_related("actor")

    def record_read(self, of: Any, rows: Iterable[Any]) -> None:
        """Record the read in the role `patient`: all rows concern the caller or dependents."""
        record_read(of, rows, "patient_id", role=AuditEvent.Role.PATIENT)
