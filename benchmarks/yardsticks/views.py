"""Views that answer `{}`, and the plain way to list and to book, as a good tutorial has it."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.generics import ListAPIView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import AuditEvent
from appointment.models import Appointment, AppointmentEvent
from appointment.models.idempotency import IdempotencyKey
from doctor.models import Slot
from patient.models import Patient


class BareNoop(APIView):
    """Answer `{}` by REST framework alone, without middleware (benchmarks/yardsticks/wsgi.py).

    REST framework's own negotiation and one renderer; nothing is counted or authenticated.
    """

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = DefaultContentNegotiation

    def get(self, request: Request) -> Response:
        return Response({})


class Noop(APIView):
    """Answer `{}` with the product's settings and middleware, and no authentication."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        return Response({})


class CountedNoop(APIView):
    """The same, counted towards the limits as every public call of the product is."""

    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        return Response({})


class SignedInNoop(APIView):
    """Answer `{}` to a caller with a token, counted: the least that a call with a login costs."""

    def get(self, request: Request) -> Response:
        return Response({})


# --- The plain list -------------------------------------------------------------------------------


class PlainSlotSerializer(serializers.ModelSerializer[Slot]):
    """The columns of the product's list, by REST framework's ModelSerializer."""

    time_zone = serializers.CharField(source="location.time_zone")
    available = serializers.IntegerField()

    class Meta:
        model = Slot
        fields = (
            *("id", "schedule", "location", "starts_at", "ends_at", "time_zone"),
            *("capacity", "available"),
        )


class PlainSlots(ListAPIView[Slot]):
    """The free slots of a doctor in the next 14 days."""

    permission_classes = (AllowAny,)
    serializer_class = PlainSlotSerializer
    pagination_class = None
    filter_backends = ()

    def get_queryset(self) -> Any:
        now = timezone.now()
        mine = Slot.objects.filter(doctor=self.kwargs["doctor_id"], is_open=True)
        coming = mine.filter(starts_at__gt=now, starts_at__lt=now + timedelta(days=14))
        return (
            coming.filter(taken__lt=F("capacity")).select_related("location").order_by("starts_at")
        )


# --- The plain booking ----------------------------------------------------------------------------


class Full(APIException):
    """The slot has no place left."""

    status_code = 409


def book(user: Any, slot_id: int) -> Appointment:
    """Lock the slot, compare, count, and insert the visit and its event."""
    slot = Slot.objects.select_for_update().select_related("location").get(pk=slot_id)
    if slot.taken >= slot.capacity:
        raise Full
    slot.taken += 1
    slot.save()
    visit = Appointment.objects.create(
        patient=Patient.objects.get(user=user, is_dependent=False),
        slot=slot,
        doctor_id=slot.doctor_id,
        location=slot.location,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        date=slot.starts_at.astimezone(ZoneInfo(slot.location.time_zone)).date(),
        booked_by=user,
    )
    AppointmentEvent.objects.create(
        appointment=visit, kind="booked", actor=user, by="patient", to_status="scheduled"
    )
    return visit


class PlainVisitSerializer(serializers.ModelSerializer[Appointment]):
    """The visit, by REST framework's ModelSerializer."""

    class Meta:
        model = Appointment
        fields = ("id", "status", "doctor", "location", "slot", "starts_at", "ends_at", "reason")


class PlainBook(APIView):
    """Book by the ORM with `select_for_update`."""

    def post(self, request: Request, doctor_id: int) -> Response:
        with transaction.atomic():
            visit = book(request.user, request.data["slot_id"])
        return Response(PlainVisitSerializer(visit).data, 201)


class PlainBookWithKey(APIView):
    """The same with a row for the Idempotency-Key and one of the audit trail."""

    def post(self, request: Request, doctor_id: int) -> Response:
        key = request.headers["Idempotency-Key"]
        with transaction.atomic():
            row, is_new = IdempotencyKey.objects.get_or_create(user=request.user, key=key)
            if not is_new:
                return Response(row.body, row.status)
            visit = book(request.user, request.data["slot_id"])
            AuditEvent.objects.create(
                actor=request.user,
                role="patient",
                channel="api",
                action="create",
                kind="appointment.appointment",
                object_id=visit.pk,
                patient_id=visit.patient_id,
            )
            answer = PlainVisitSerializer(visit).data
            row.status, row.body = 201, str(answer)
            row.save()
        return Response(answer, 201)
