"""Leave of doctors and closures of locations, for staff."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from accounts.audit.views import record_read
from appointment.filters import TimeOffFilter
from appointment.models import Appointment
from appointment.serializers import (
    TIME_OFF_BODY,
    AffectedAppointmentSerializer,
    AffectedAppointmentsSerializer,
    PreviewSerializer,
    TimeOffSerializer,
)
from doctor.models import TimeOff
from extensions.rest.permissions import IsStaffWithModelPermission


@extend_schema_view(
    create=extend_schema(
        request=TIME_OFF_BODY,
        parameters=[PreviewSerializer],
        responses={200: AffectedAppointmentsSerializer, 201: TimeOffSerializer},
    ),
    update=extend_schema(request=TIME_OFF_BODY),
)
class TimeOffViewSet(ModelViewSet[TimeOff]):
    """Leave and closures, latest first.

    Leave closes the slots that it overlaps and puts their visits on the work list. Staff who are
    restricted to their sites see and change closures of these, and leave of doctors who work there.
    """

    audited_model = Appointment
    audited_parameters = ("preview",)
    acts_as_staff = True
    permission_classes = (IsStaffWithModelPermission,)
    lookup_value_converter = "id"
    queryset = TimeOff.objects.with_names()
    serializer_class = TimeOffSerializer
    filterset_class = TimeOffFilter
    problems = {"get": (403,)}

    def get_queryset(self) -> QuerySet[TimeOff]:
        """Return the leave and closures at the sites of the caller."""
        return TimeOff.objects.at_sites_of(self.request.user).with_names()

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Enter leave. With `preview=true` save nothing, and return the visits it would affect."""
        query = PreviewSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        if not query.validated_data["preview"]:
            return super().create(request, *args, **kwargs)
        leave: Any = self.get_serializer(data=request.data)
        leave.is_valid(raise_exception=True)
        affected = leave.preview()
        record_read(Appointment, [each.appointment for each in affected], otherwise="staff")
        return Response({"appointments": AffectedAppointmentSerializer(affected, many=True).data})

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change leave. `preview=true` is refused: only new leave has a preview."""
        query = PreviewSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        if query.validated_data["preview"]:
            raise ValidationError({"preview": gettext("Only new leave can be previewed.")})
        return super().update(request, *args, **kwargs)

    def perform_destroy(self, instance: TimeOff) -> None:
        """Delete the leave and open the slots that nothing else closes, by `TimeOff.unpublish`."""
        instance.unpublish()
