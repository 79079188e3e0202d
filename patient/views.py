"""One's own record and those of one's dependents; anybody else's is absent."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import get_object_or_404
from rest_framework.mixins import (
    CreateModelMixin,
    DestroyModelMixin,
    RetrieveModelMixin,
    UpdateModelMixin,
)
from rest_framework.viewsets import GenericViewSet, ModelViewSet

from accounts.trail import READING, LeavesTrail
from patient.filters import MedicalHistoryFilter
from patient.models import MedicalHistory, Patient
from patient.serializers import (
    DependentSerializer,
    MedicalHistorySerializer,
    NewMedicalHistorySerializer,
    PatientSerializer,
)


class PatientViewSet(
    LeavesTrail, RetrieveModelMixin, UpdateModelMixin, DestroyModelMixin, GenericViewSet[Patient]
):
    """The caller's own profile, by its id."""

    shows = Patient
    whose = ""

    queryset = Patient.objects.all()
    serializer_class = PatientSerializer

    def get_queryset(self) -> QuerySet[Patient]:
        return Patient.objects.own_of(self.request.user)

    def perform_destroy(self, instance: Patient) -> None:
        instance.erase(by=instance.user)


@extend_schema_view(
    **{
        action: extend_schema(operation_id=f"patient_own_profile_{action}")
        for action in ("retrieve", "create", "update", "partial_update", "destroy")
    }
)
class OwnProfileViewSet(CreateModelMixin, PatientViewSet):
    """The caller's own profile, whose id need not be known."""

    problems = dict.fromkeys(("get", "put", "patch", "delete"), (404,))
    conflicts = {"post": ("profile_exists",)}

    def get_object(self) -> Any:
        own = get_object_or_404(self.get_queryset())
        if self.request.method in READING:
            self.note_read(own, [own])
        return own


class DependentViewSet(LeavesTrail, ModelViewSet[Patient]):
    """People the caller books for, by name; deleting one erases the person."""

    shows = Patient
    whose = ""

    queryset = Patient.objects.all()
    serializer_class = DependentSerializer
    lookup_value_converter = "id"

    def get_queryset(self) -> QuerySet[Patient]:
        return Patient.objects.dependents_of(self.request.user)

    def perform_destroy(self, instance: Patient) -> None:
        instance.erase(by=instance.user)


@extend_schema_view(create=extend_schema(responses={201: MedicalHistorySerializer}))
class MedicalHistoryViewSet(LeavesTrail, ModelViewSet[MedicalHistory]):
    """The medical history of the caller and of their dependents, latest entry first."""

    shows = MedicalHistory

    queryset = MedicalHistory.objects.all()
    serializer_class = MedicalHistorySerializer
    filterset_class = MedicalHistoryFilter
    lookup_value_converter = "id"
    problems = {"post": (404,)}

    def get_serializer_class(self) -> Any:
        return NewMedicalHistorySerializer if self.action == "create" else self.serializer_class

    def get_queryset(self) -> QuerySet[MedicalHistory]:
        return MedicalHistory.objects.visible_to(self.request.user).select_related("patient")

    def perform_destroy(self, instance: MedicalHistory) -> None:
        instance.remove()
