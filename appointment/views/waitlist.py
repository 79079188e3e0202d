"""Join and leave the waitlist; accept and decline an offered place."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from accounts.audit.views import AuditedViewMixin
from accounts.requests import SignedInRequest
from appointment.filters import WaitlistFilter
from appointment.models import WaitlistEntry
from appointment.models.offer import with_state
from appointment.serializers import (
    WAITLIST_BODY,
    AppointmentSerializer,
    WaitlistEntrySerializer,
    WaitlistJoinSerializer,
)
from appointment.throttles import BookingThrottle
from appointment.views.booking import BOOKING_RULE_CODES, LOCATION
from appointment.views.idempotent import idempotent


class WaitlistViewSet(AuditedViewMixin, GenericViewSet[WaitlistEntry]):
    """The waitlist entries of the caller and the caller's dependents, in the order of joining."""

    audited_model = WaitlistEntry
    queryset = WaitlistEntry.objects.order_by("pk")
    serializer_class = WaitlistEntrySerializer
    filterset_class = WaitlistFilter
    lookup_value_converter = "id"
    conflicts = {
        "post": ("patient_deceased", "already_waiting", "too_many_entries", "place_available")
    }
    problems = {"post": (404, 422), "delete": (422,)}

    def get_serializer_class(self) -> Any:
        """Return the serializer of the request body for a new entry."""
        return WaitlistJoinSerializer if self.action == "create" else WaitlistEntrySerializer

    def get_queryset(self) -> QuerySet[WaitlistEntry]:
        """Return the entries of the caller and dependents, with their present state."""
        own = WaitlistEntry.objects.visible_to(self.request.user)
        return with_state(own, timezone.now()).order_by("pk")

    @idempotent
    @extend_schema(
        request=WAITLIST_BODY,
        responses={201: WaitlistEntrySerializer},
        parameters=[LOCATION],
    )
    def create(self, request: SignedInRequest) -> Response:
        """Join the waitlist for a doctor or a specialty, for the caller or a dependent.

        The error `already_waiting` means that this person is in line for the same doctor or
        specialty on days that meet these: the dates of both entries have a day in common that is
        one of the weekdays of both, whatever the times of day. `too_many_entries` means that the
        account has ten entries in line, its dependents' included. `place_available` means that a
        fitting slot is free now; it has up to three such slots as `alternatives`.
        """
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        entry = WaitlistEntry.objects.join_own(request.user, **body.validated_data)
        data = WaitlistEntrySerializer(self.get_queryset().get(pk=entry.pk)).data
        location = reverse("waitlist-detail", [entry.pk], request=request)
        return Response(data, status.HTTP_201_CREATED, headers={"Location": location})

    @idempotent
    @extend_schema(responses={204: None})
    def destroy(self, request: SignedInRequest, pk: Any) -> Response:
        """Leave the waitlist; a place that was offered goes to the next in line."""
        self.get_object().leave()
        return Response(status=status.HTTP_204_NO_CONTENT)


class OfferAnswerView(GenericAPIView[Any]):
    """The base of the views that accept or decline an offer to the caller or a dependent."""

    audited_model = WaitlistEntry
    queryset = WaitlistEntry.objects.all()
    problems = {"post": (422,)}

    def get_queryset(self) -> QuerySet[WaitlistEntry]:
        """Return the entries of the caller and dependents."""
        return WaitlistEntry.objects.visible_to(self.request.user).select_related("patient")


class AcceptView(OfferAnswerView):
    """Accept an offered place."""

    throttle_classes = (BookingThrottle,)
    serializer_class = AppointmentSerializer
    conflicts = {"post": ("no_open_offer", *BOOKING_RULE_CODES)}

    @idempotent
    @extend_schema(
        request=None,
        responses={201: AppointmentSerializer},
        operation_id="appointment_waitlist_accept",
        parameters=[LOCATION],
    )
    def post(self, request: SignedInRequest, pk: int) -> Response:
        """Book the offered place. If a booking rule refuses it, the offer stays open."""
        appointment = self.get_object().accept(by=request.user)
        data = self.get_serializer(appointment).data
        location = reverse("appointment-detail", [appointment.pk], request=request)
        return Response(data, status.HTTP_201_CREATED, headers={"Location": location})


class DeclineView(OfferAnswerView):
    """Decline an offered place."""

    serializer_class = WaitlistEntrySerializer
    conflicts = {"post": ("no_open_offer",)}

    @idempotent
    @extend_schema(request=None, responses={204: None}, operation_id="appointment_waitlist_decline")
    def post(self, request: SignedInRequest, pk: int) -> Response:
        """Decline the offered place. The entry keeps its position in line."""
        self.get_object().decline()
        return Response(status=status.HTTP_204_NO_CONTENT)
