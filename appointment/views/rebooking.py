"""The work list: visits that cannot take place as booked, for staff to move, cancel or keep."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.response import Response

from accounts.audit.views import AuditedListMixin
from accounts.requests import SignedInRequest
from appointment.models import Appointment
from appointment.models.alternatives import work_list_alternatives
from appointment.permissions import MayChangeAppointments
from appointment.serializers import (
    AppointmentSerializer,
    CancelationSerializer,
    KeepSerializer,
    MoveSerializer,
    RebookingSerializer,
)
from appointment.views.booking import BOOKING_RULE_CODES, CHANGE_CODES
from extensions.rest.permissions import IsStaffWithModelPermission


class RebookingView(AuditedListMixin, ListAPIView[Appointment]):
    """List the visits that cannot take place as booked, soonest first, with alternatives."""

    audited_model = Appointment
    patient_path = "appointment.patient"
    queryset = Appointment.objects.with_names()
    serializer_class = RebookingSerializer
    permission_classes = (IsStaffWithModelPermission,)
    filter_backends = ()
    problems = {"get": (403,)}

    def get_queryset(self) -> QuerySet[Appointment]:
        """Return the flagged visits at the sites of the caller, also those that have begun."""
        visits = Appointment.objects.at_sites_of(self.request.user).with_names()
        return visits.to_rebook()

    def paginate_queryset(self, queryset: Any) -> Any:
        """Return the page as a list of AffectedAppointment: visits with their alternatives.

        No place is proposed on two pages.
        """
        visits = super().paginate_queryset(queryset) or ()
        return work_list_alternatives(visits, timezone.now(), self.request.user)


class WorkListItemView(GenericAPIView[Appointment]):
    """The base of the views that move, cancel or keep a visit of the work list."""

    audited_model = Appointment
    acts_as_staff = True
    queryset = Appointment.objects.with_names()
    permission_classes = (MayChangeAppointments,)
    lookup_url_kwarg = "appointment_id"

    def get_queryset(self) -> QuerySet[Appointment]:
        """Return the flagged visits at the sites of the caller, also those that have begun."""
        visits = Appointment.objects.at_sites_of(self.request.user).with_names()
        return visits.to_rebook()

    def read_body(self, request: SignedInRequest) -> dict[str, Any]:
        """Return the validated body; raises ValidationError."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        return body.validated_data


class RebookingMoveView(WorkListItemView):
    """Move a visit of the work list."""

    serializer_class = MoveSerializer
    conflicts = {"post": (*CHANGE_CODES, *BOOKING_RULE_CODES)}

    @extend_schema(responses=AppointmentSerializer, operation_id="rebooking_move")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Move a visit of the work list to another slot, of any doctor; its id stays the same.

        With an `override_reason` also one that has begun.
        """
        appointment, body = self.get_object(), self.read_body(request)
        appointment.reschedule(body.pop("slot_id"), request.user, listed=True, **body)
        return Response(AppointmentSerializer(appointment).data)


class RebookingCancelView(WorkListItemView):
    """Cancel a visit of the work list."""

    serializer_class = CancelationSerializer
    conflicts = {"post": CHANGE_CODES}

    @extend_schema(responses=AppointmentSerializer, operation_id="rebooking_cancel")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Cancel a visit of the work list; with an `override_reason` also one that has begun."""
        appointment = self.get_object()
        appointment.cancel(by=request.user, listed=True, **self.read_body(request))
        return Response(AppointmentSerializer(appointment).data)


class RebookingKeepView(WorkListItemView):
    """Keep a visit of the work list as booked."""

    serializer_class = KeepSerializer
    conflicts = {"post": ("invalid_transition",)}

    @extend_schema(responses=AppointmentSerializer, operation_id="rebooking_keep")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Take a visit off the work list: it takes place as booked, despite what has hit it.

        Another closure that hits the visit puts it on the list again.
        """
        appointment = self.get_object()
        appointment.keep(by=request.user, **self.read_body(request))
        return Response(AppointmentSerializer(appointment).data)
