"""Book, cancel and move appointments: patients for themselves and dependents, staff for all."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.requests import SignedInRequest
from appointment.models import Appointment
from appointment.permissions import OverridesAsStaff
from appointment.serializers import (
    BOOKING_BODY,
    AppointmentSerializer,
    BookingSerializer,
    CancelationSerializer,
    MoveSerializer,
)
from appointment.throttles import BookingThrottle, DailyNamingThrottle, NamingThrottle
from appointment.views.idempotent import idempotent
from doctor.exceptions import REFUSALS

# Error codes: of the booking rules, in the order of the rules, and of a visit that cannot change.
BOOKING_RULE_CODES = tuple(refusal.code for refusal in REFUSALS.values())
CHANGE_CODES = ("not_cancelable", "checked_in", "cancel_deadline_passed")
LOCATION = OpenApiParameter(
    "Location",
    str,
    "header",
    response=[201],
    description="URL of the new object. Only the patient's account can GET an appointment there.",
)


class BookView(GenericAPIView[Appointment]):
    """Book an appointment with a doctor."""

    audited_model = Appointment
    throttle_classes = (BookingThrottle, NamingThrottle, DailyNamingThrottle)
    serializer_class = BookingSerializer
    conflicts = {"post": BOOKING_RULE_CODES}
    problems = {"post": (422,)}

    @idempotent
    @extend_schema(
        operation_id="appointment_book",
        request=BOOKING_BODY,
        responses={201: AppointmentSerializer},
        parameters=[LOCATION],
    )
    def post(self, request: SignedInRequest, doctor_id: int) -> Response:
        """Book an appointment with a doctor, for the caller or a dependent.

        Staff who may add appointments book for every patient. With an `override_reason` they set
        aside the notice, the horizon and the limits, and take a time that has begun and not ended.
        With `squeeze_in` as well, they add a place to a time that is full; no other patient can
        book it. For staff of a site, a patient who has nothing at their sites is 404, unless
        `last_name` and `date_of_birth` are those of the patient. The error `slot_full` has up to
        three free slots of the doctor as `alternatives`.
        """
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        appointment = Appointment.objects.book_own(request.user, doctor_id, **body.validated_data)
        data = AppointmentSerializer(appointment).data
        location = reverse("appointment-detail", [appointment.pk], request=request)
        return Response(data, status.HTTP_201_CREATED, headers={"Location": location})


class CancelView(GenericAPIView[Appointment]):
    """Cancel an appointment: patients their family's, staff those at their sites."""

    audited_model = Appointment
    queryset = Appointment.objects.with_names()
    serializer_class = CancelationSerializer
    permission_classes = (IsAuthenticated, OverridesAsStaff)
    lookup_url_kwarg = "appointment_id"
    conflicts = {"post": CHANGE_CODES}
    problems = {"post": (422,)}

    def get_queryset(self) -> QuerySet[Appointment]:
        """Return the appointments that the caller may change, as a patient or as staff."""
        return Appointment.objects.changeable_by(self.request.user).with_names()

    @idempotent
    @extend_schema(responses=AppointmentSerializer, operation_id="appointment_cancel")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Cancel an appointment before it begins, and release its place.

        Staff who may change appointments cancel every one at their sites.
        """
        appointment = self.get_object()
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        appointment.cancel(by=request.user, **body.validated_data)
        return Response(AppointmentSerializer(appointment).data)


class RescheduleView(GenericAPIView[Appointment]):
    """Move an appointment to another slot: patients their family's, staff those at their sites."""

    audited_model = Appointment
    throttle_classes = (BookingThrottle,)
    queryset = Appointment.objects.with_names()
    serializer_class = MoveSerializer
    permission_classes = (IsAuthenticated, OverridesAsStaff)
    lookup_url_kwarg = "appointment_id"
    conflicts = {"post": (*CHANGE_CODES, *BOOKING_RULE_CODES)}
    problems = {"post": (422,)}

    def get_queryset(self) -> QuerySet[Appointment]:
        """Return the appointments that the caller may change, as a patient or as staff."""
        return Appointment.objects.changeable_by(self.request.user).with_names()

    @idempotent
    @extend_schema(responses=AppointmentSerializer, operation_id="appointment_reschedule")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Move an appointment to another slot, of any doctor; its id stays the same.

        If the new slot cannot be booked, the appointment keeps its old one. Staff who may change
        appointments move every one at their sites, to a slot there.
        """
        appointment = self.get_object()
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        to, why = (body.validated_data[name] for name in ("slot_id", "override_reason"))
        appointment.reschedule(to=to, by=request.user, override_reason=why)
        return Response(AppointmentSerializer(appointment).data)
