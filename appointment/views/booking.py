"""Book, cancel and move one's own appointments."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.reverse import reverse

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

# The error codes of the booking rules, in their order, and of a visit that cannot be changed.
BOOKING_RULE_CODES = tuple(refusal.code for refusal in REFUSALS.values())
CHANGE_CODES = ("not_cancelable", "cancel_deadline_passed")
LOCATION = OpenApiParameter(
    "Location", str, "header", response=[201], description="Where it can be read."
)


class BookView(GenericAPIView[Appointment]):
    """Book a place with a doctor."""

    audited_model = Appointment
    throttle_classes = (UserThrottle, BookingThrottle)
    serializer_class = BookingSerializer
    conflicts = {"post": BOOKING_RULE_CODES}
    problems = {"post": (422,)}

    @idempotent
    @extend_schema(
        operation_id="appointment_book",
        responses={201: AppointmentSerializer},
        parameters=[LOCATION],
    )
    def post(self, request: SignedInRequest, doctor_id: int) -> Response:
        """Book a place with a doctor, for oneself or a dependent.

        `slot_full` comes with up to three `alternatives`.
        """
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        appointment = Appointment.objects.book_own(request.user, doctor_id, **body.validated_data)
        data = AppointmentSerializer(appointment).data
        location = reverse("appointment-detail", [appointment.pk], request=request)
        return Response(data, status.HTTP_201_CREATED, headers={"Location": location})


class CancelView(GenericAPIView[Appointment]):
    """Cancel one's own appointment before it begins."""

    audited_model = Appointment
    queryset = Appointment.objects.with_names()
    serializer_class = CancelationSerializer
    lookup_url_kwarg = "appointment_id"
    conflicts = {"post": CHANGE_CODES}
    problems = {"post": (422,)}

    def get_queryset(self) -> QuerySet[Appointment]:
        return Appointment.objects.visible_to(self.request.user).with_names()

    @idempotent
    @extend_schema(responses=AppointmentSerializer, operation_id="appointment_cancel")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Cancel one's own appointment before it begins; its place is free again at once."""
        appointment = self.get_object()
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        appointment.cancel(by=request.user, **body.validated_data)
        return Response(AppointmentSerializer(appointment).data)


class RescheduleView(GenericAPIView[Appointment]):
    """Move one's own appointment to another slot, of any doctor."""

    audited_model = Appointment
    throttle_classes = (UserThrottle, BookingThrottle)
    queryset = Appointment.objects.with_names()
    serializer_class = MoveSerializer
    lookup_url_kwarg = "appointment_id"
    conflicts = {"post": (*CHANGE_CODES, *BOOKING_RULE_CODES)}
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
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        appointment.reschedule(to=body.validated_data["slot_id"], by=request.user)
        return Response(AppointmentSerializer(appointment).data)
