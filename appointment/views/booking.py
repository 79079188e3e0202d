"""Booking, canceling and moving one's own appointments."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.audit.views import AuditedViewMixin
from accounts.requests import SignedInRequest
from appointment.models import Appointment
from appointment.serializers import (
    AppointmentSerializer,
    BookingSerializer,
    CancelationSerializer,
    MoveSerializer,
)
from appointment.throttles import BookingThrottle
from appointment.views.idempotent import idempotent
from doctor.exceptions import REFUSALS
from extensions.rest.throttling import UserThrottle

# The codes of the rule in its order, and of a visit that stays as it is.
RULE = tuple(refusal.code for refusal in REFUSALS.values())
KEPT = ("not_cancelable", "cancel_deadline_passed")


class BookView(AuditedViewMixin, GenericAPIView[Appointment]):
    """Book a place with a doctor."""

    throttle_classes = (UserThrottle, BookingThrottle)
    audited_model = Appointment
    serializer_class = BookingSerializer
    conflicts = {"post": RULE}
    problems = {"post": (422,)}

    @idempotent
    @extend_schema(
        operation_id="appointment_book",
        responses={201: AppointmentSerializer},
        parameters=[
            OpenApiParameter(
                "Location", str, "header", response=[201], description="Where it can be read."
            )
        ],
    )
    def post(self, request: SignedInRequest, doctor_id: int) -> Response:
        """Book a place with a doctor, for oneself or a dependent.

        `slot_full` comes with up to three `alternatives`.
        """
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        appointment = Appointment.objects.book_own(request.user, doctor_id, **wanted.validated_data)
        answer = AppointmentSerializer(appointment).data
        where = reverse("appointment-detail", [appointment.pk], request=request)
        return Response(answer, status.HTTP_201_CREATED, headers={"Location": where})


class CancelView(AuditedViewMixin, GenericAPIView[Appointment]):
    """Cancel one's own appointment before it begins."""

    audited_model = Appointment
    queryset = Appointment.objects.with_names()
    serializer_class = CancelationSerializer
    lookup_url_kwarg = "appointment_id"
    conflicts = {"post": KEPT}
    problems = {"post": (422,)}

    def get_queryset(self) -> QuerySet[Appointment]:
        return Appointment.objects.visible_to(self.request.user).with_names()

    @idempotent
    @extend_schema(responses=AppointmentSerializer, operation_id="appointment_cancel")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Cancel one's own appointment before it begins; its place is free again at once."""
        appointment = self.get_object()
        why = self.get_serializer(data=request.data)
        why.is_valid(raise_exception=True)
        appointment.cancel(by=request.user, **why.validated_data)
        return Response(AppointmentSerializer(appointment).data)


class RescheduleView(AuditedViewMixin, GenericAPIView[Appointment]):
    """Move one's own appointment to another slot, of any doctor."""

    throttle_classes = (UserThrottle, BookingThrottle)
    audited_model = Appointment
    queryset = Appointment.objects.with_names()
    serializer_class = MoveSerializer
    lookup_url_kwarg = "appointment_id"
    conflicts = {"post": (*KEPT, *RULE)}
    problems = {"post": (422,)}

    def get_queryset(self) -> QuerySet[Appointment]:
        return Appointment.objects.visible_to(self.request.user).with_names()

    @idempotent
    @extend_schema(responses=AppointmentSerializer, operation_id="appointment_reschedule")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Move one's own appointment to another slot, of any doctor.

        It keeps its id. Both places change hands at once, or neither does.
        """
        appointment = self.get_object()
        where = self.get_serializer(data=request.data)
        where.is_valid(raise_exception=True)
        appointment.reschedule(to=where.validated_data["slot_id"], by=request.user)
        return Response(AppointmentSerializer(appointment).data)
