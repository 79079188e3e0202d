"""Profiles, dependents and the access log of the caller. Other patients are 404."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.mixins import CreateModelMixin, DestroyModelMixin, UpdateModelMixin
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ModelViewSet

from accounts.audit.views import (
    AuditedRetrieveMixin,
    AuditedViewMixin,
)
from accounts.requests import SignedInRequest
from patient.models import ClaimCode, Patient
from patient.permissions import MayClaim
from patient.serializers import (
    ClaimSerializer,
    DependentSerializer,
    PatientSerializer,
)
from patient.throttles import ClaimAddressThrottle, ClaimThrottle


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


class ClaimView(GenericAPIView[Patient]):
    """Claim a record that the reception made, by the code that it gave."""

    audited_model = Patient
    permission_classes = (IsAuthenticated, MayClaim)
    throttle_classes = (ClaimThrottle, ClaimAddressThrottle)
    serializer_class = ClaimSerializer
    conflicts = {"post": ("profile_exists", "patient_overlap")}
    problems = {"post": (404,)}

    @extend_schema(responses=PatientSerializer, operation_id="patient_claim")
    def post(self, request: SignedInRequest) -> Response:
        """Make the record of the code the caller's own profile.

        If the caller's profile is empty or equal, it is merged into the record; for any other, the
        error is `profile_exists`. `patient_overlap` means that both have a visit at the same time.
        A code that is wrong, used, void or older than seven days is 404, and so is another date of
        birth. After ten such answers in a day (UTC), for the account or for the IP address, every
        call is 429.
        """
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        patient = ClaimCode.objects.claim(request.user, **body.validated_data)
        return Response(PatientSerializer(patient).data)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Let only wrong codes count towards the limits."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if answer.status_code != status.HTTP_404_NOT_FOUND:
            for throttle in self.get_throttles():
                throttle.take_back(request)  # type: ignore[attr-defined]
        return answer
