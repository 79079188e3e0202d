"""Leave of doctors and closures of locations, for staff."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from accounts.audit.views import record_read
from appointment.filters import TimeOffFilter
from appointment.models import Appointment
from appointment.serializers import (
    AffectedAppointmentSerializer,
    AffectedAppointmentsSerializer,
    PreviewSerializer,
    TimeOffSerializer,
)
from doctor.models import TimeOff
from extensions.rest.permissions import IsStaffWithModelPermission

PREVIEW = [PreviewSerializer]


@extend_schema_view(
    create=extend_schema(
        parameters=PREVIEW, responses={200: AffectedAppointmentsSerializer, 201: TimeOffSerializer}
    ),
)
class TimeOffViewSet(ModelViewSet[TimeOff]):
    """Leave, latest first. What it overlaps is closed, and the visits it hits are to be moved.

    With `?preview=true` nothing changes and the answer is which visits it would hit.
    """

    audited_model = Appointment
    audited_parameters = ("preview",)
    permission_classes = (IsStaffWithModelPermission,)
    lookup_value_converter = "id"
    queryset = TimeOff.objects.with_names()
    serializer_class = TimeOffSerializer
    filterset_class = TimeOffFilter
    problems = {"get": (403,)}

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Enter leave, or with `?preview=true` tell which visits it would hit."""
        asked = PreviewSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        if not asked.validated_data["preview"]:
            return super().create(request, *args, **kwargs)
        leave: Any = self.get_serializer(data=request.data)
        leave.is_valid(raise_exception=True)
        hits = leave.previewed()
        record_read(Appointment, [hit.appointment for hit in hits], otherwise="staff")
        return Response({"appointments": AffectedAppointmentSerializer(hits, many=True).data})

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change leave; raises ValidationError for a preview, which there is of new leave alone."""
        asked = PreviewSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        if asked.validated_data["preview"]:
            raise ValidationError({"preview": "Only new leave can be previewed."})
        return super().update(request, *args, **kwargs)

    def perform_destroy(self, instance: TimeOff) -> None:
        instance.unpublish()
