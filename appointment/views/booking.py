"""Booking and canceling one's own appointments."""

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
)


class BookView(GenericAPIView[Appointment]):
    """Book a place with a doctor."""

    serializer_class = BookingSerializer
    conflicts = {
        "post": ("already_booked", "patient_overlap", "slot_closed", "slot_in_past", "slot_full")
    }

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
        """Book a place with a doctor; `slot_full` comes with up to three `alternatives`."""
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        appointment = Appointment.objects.book_own(request.user, doctor_id, **wanted.validated_data)
        answer = AppointmentSerializer(appointment).data
        where = reverse("appointment-detail", [appointment.pk], request=request)
        return Response(answer, status.HTTP_201_CREATED, headers={"Location": where})


class CancelView(GenericAPIView[Appointment]):
    """Cancel one's own appointment before it begins."""

    queryset = Appointment.objects.with_names()
    serializer_class = CancelationSerializer
    lookup_url_kwarg = "appointment_id"
    conflicts = {"post": ("not_cancelable",)}

    def get_queryset(self) -> QuerySet[Appointment]:
        return Appointment.objects.visible_to(self.request.user).with_names()

    @extend_schema(responses=AppointmentSerializer, operation_id="appointment_cancel")
    def post(self, request: SignedInRequest, appointment_id: int) -> Response:
        """Cancel one's own appointment before it begins; its place is free again at once."""
        appointment = self.get_object()
        why = self.get_serializer(data=request.data)
        why.is_valid(raise_exception=True)
        appointment.cancel(by=request.user, **why.validated_data)
        return Response(AppointmentSerializer(appointment).data)
