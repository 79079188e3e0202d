"""The day of a visit: the doctor's agenda, check-in, completion, no-show and undo."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet, Subquery
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from accounts.audit.views import AuditedListMixin
from accounts.models import AuditEvent
from accounts.requests import SignedInRequest
from appointment.filters import AgendaFilter
from appointment.models import Appointment
from appointment.permissions import IsDoctor, IsStaffOrVisitDoctor, IsStaffOrVisitDoctorToday
from appointment.serializers import AgendaSerializer, AppointmentSerializer, UndoSerializer
from appointment.views.booking import BOOKING_RULE_CODES
from doctor.models import Doctor


class AgendaView(AuditedListMixin, ListAPIView[Appointment]):
    """List the calling doctor's appointments on one date, earliest first."""

    audited_model = Appointment
    role_for_others = role_for_empty_list = AuditEvent.Role.DOCTOR
    queryset = Appointment.objects.with_names()
    serializer_class = AgendaSerializer
    permission_classes = (IsAuthenticated, IsDoctor)
    filterset_class = AgendaFilter
    problems = {"get": (403,)}

    def get_queryset(self) -> QuerySet[Appointment]:
        """Return the appointments of the calling doctor.

        The doctor is read first: of a join, PostgreSQL may read the day of all doctors.
        """
        doctors = Doctor.objects.order_by().filter(user=self.request.user)  # type: ignore[misc]
        own = Appointment.objects.filter(doctor=Subquery(doctors.values("pk")))
        return own.with_names().order_by("starts_at", "pk")


class LifecycleView(GenericAPIView[Appointment]):
    """The base of views that call one verb of a visit, for staff and for the visit's doctor."""

    audited_model = Appointment
    queryset = Appointment.objects.with_names()
    serializer_class: Any = AppointmentSerializer
    permission_classes: tuple[Any, ...] = (IsAuthenticated, IsStaffOrVisitDoctor)
    lookup_url_kwarg = "appointment_id"
    acts_as_staff = True
    conflicts: dict[str, tuple[str, ...]] = {"post": ("invalid_transition",)}
    verb: Callable[..., Any]

    def get_queryset(self) -> QuerySet[Appointment]:
        """Return the appointments that the caller may see in any role."""
        return Appointment.objects.concerning(self.request.user).with_names()

    def perform(self, request: SignedInRequest, **body: Any) -> Response:
        """Call the verb, with the fields of the body, and return the appointment."""
        appointment: Any = self.get_object()
        type(self).verb(appointment, by=request.user, **body)
        return Response(AppointmentSerializer(appointment).data)


class CheckInView(LifecycleView):
    """Check a patient in."""

    conflicts = {
        "post": ("patient_deceased", "already_booked", "patient_overlap", "invalid_transition")
    }
    verb = Appointment.check_in

    @extend_schema(request=None, operation_id="appointment_check_in")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Check the patient in, on the date of the visit; a second call changes nothing.

        Staff also check in a no-show who comes late: the visit is scheduled again. It is refused
        where the patient has another visit at that time or is marked deceased.
        """
        return self.perform(request)


class CompleteView(LifecycleView):
    """Complete a visit."""

    verb = Appointment.complete

    @extend_schema(request=None, operation_id="appointment_complete")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Record that the visit took place. Staff can also correct a no-show.

        Before the start of the visit, the patient must have checked in.
        """
        return self.perform(request)


class NoShowView(LifecycleView):
    """Mark a visit as a no-show."""

    conflicts = {"post": ("checked_in", "invalid_transition")}
    verb = Appointment.mark_no_show

    @extend_schema(request=None, operation_id="appointment_no_show")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Record, once the visit has begun, that the patient did not come.

        Staff can also correct a completed visit.
        """
        return self.perform(request)


class UndoView(LifecycleView):
    """Undo the latest change of a visit."""

    serializer_class = UndoSerializer
    permission_classes = (IsAuthenticated, IsStaffOrVisitDoctorToday)
    conflicts = {"post": ("nothing_to_undo", "invalid_transition", *BOOKING_RULE_CODES)}
    verb = Appointment.undo

    @extend_schema(responses=AppointmentSerializer, operation_id="appointment_undo")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Take back the latest change: a check-in, completion, no-show or cancelation.

        A canceled visit takes its place again, by the booking rules; staff set aside the notice,
        the horizon and the limits with an `override_reason`. The doctor of the visit may undo on
        its day, and sets nothing aside. After a move, or after another undo, there is nothing to
        undo.
        """
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self.perform(request, **body.validated_data)
