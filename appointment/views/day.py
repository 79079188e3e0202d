"""The day of a visit: a doctor's agenda, and who came, who did not."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from accounts.audit.views import AuditedListMixin
from accounts.models import AuditEvent
from accounts.requests import SignedInRequest
from appointment.filters import AgendaFilter
from appointment.models import Appointment
from appointment.permissions import IsDoctor, IsStaffOrTheDoctor
from appointment.serializers import AgendaSerializer, AppointmentSerializer


class AgendaView(AuditedListMixin, ListAPIView[Appointment]):
    """The calling doctor's appointments of a day, earliest first."""

    audited_model = Appointment
    role_for_others = role_for_empty_list = AuditEvent.Role.DOCTOR
    queryset = Appointment.objects.with_names()
    serializer_class = AgendaSerializer
    permission_classes = (IsAuthenticated, IsDoctor)
    filterset_class = AgendaFilter
    problems = {"get": (403,)}

    def get_queryset(self) -> QuerySet[Appointment]:
        own = Appointment.objects.filter(doctor__user=self.request.user)  # type: ignore[misc]
        return own.with_names().order_by("starts_at", "pk")


class DayView(GenericAPIView[Appointment]):
    """A verb of the day of a visit, for staff and the visit's own doctor."""

    audited_model = Appointment
    queryset = Appointment.objects.with_names()
    serializer_class = AppointmentSerializer
    permission_classes = (IsAuthenticated, IsStaffOrTheDoctor)
    lookup_url_kwarg = "appointment_id"
    conflicts = {"post": ("invalid_transition",)}
    verb: Callable[..., Appointment]

    def get_queryset(self) -> QuerySet[Appointment]:
        return Appointment.objects.concerning(self.request.user).with_names()

    def perform(self, request: SignedInRequest) -> Response:
        appointment: Any = self.get_object()
        type(self).verb(appointment, by=request.user)
        return Response(self.get_serializer(appointment).data)


class CheckInView(DayView):
    """Note that a patient has come."""

    verb = Appointment.check_in

    @extend_schema(request=None, operation_id="appointment_check_in")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Note, on the day of the visit, that the patient has come; again changes nothing."""
        return self.perform(request)


class CompleteView(DayView):
    """Note that a visit took place."""

    verb = Appointment.complete

    @extend_schema(request=None, operation_id="appointment_complete")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Note that the visit took place; before its start only for who has checked in.

        Staff also correct a no-show.
        """
        return self.perform(request)


class NoShowView(DayView):
    """Note that a patient did not come."""

    verb = Appointment.mark_no_show

    @extend_schema(request=None, operation_id="appointment_no_show")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Note, from the start of the visit on, that the patient did not come.

        Staff also correct a completed visit.
        """
        return self.perform(request)
