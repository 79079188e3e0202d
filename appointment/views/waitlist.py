"""Waiting for a place, and taking or leaving one that is offered."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from accounts.audit.views import AuditedViewMixin
from accounts.requests import SignedInRequest
from appointment.filters import WaitlistFilter
from appointment.models import WaitlistEntry
from appointment.models.offer import with_state
from appointment.serializers import (
    AppointmentSerializer,
    WaitlistEntrySerializer,
    WaitlistJoinSerializer,
)
from appointment.throttles import BookingThrottle
from appointment.views.booking import BOOKING_RULE_CODES, LOCATION
from appointment.views.idempotent import idempotent
from extensions.rest.throttling import UserThrottle


class WaitlistViewSet(
    AuditedViewMixin, ListModelMixin, RetrieveModelMixin, GenericViewSet[WaitlistEntry]
):
    """What one waits for, oneself or a dependent, in the order of joining."""

    audited_model = WaitlistEntry
    queryset = WaitlistEntry.objects.order_by("pk")
    serializer_class = WaitlistEntrySerializer
    filterset_class = WaitlistFilter
    lookup_value_converter = "id"
    conflicts = {"post": ("place_available",)}
    problems = {"post": (404, 422), "delete": (422,)}

    def get_serializer_class(self) -> Any:
        return WaitlistJoinSerializer if self.action == "create" else WaitlistEntrySerializer

    def get_queryset(self) -> QuerySet[WaitlistEntry]:
        own = WaitlistEntry.objects.visible_to(self.request.user)
        return with_state(own, timezone.now()).order_by("pk")

    @idempotent
    @extend_schema(
        request=WaitlistJoinSerializer,
        responses={201: WaitlistEntrySerializer},
        parameters=[LOCATION],
    )
    def create(self, request: SignedInRequest) -> Response:
        """Wait for a doctor or a specialty, for oneself or a dependent, at the end of the line.

        Where a place that fits is free now, `place_available` comes with up to three
        `alternatives` to book instead.
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
        """Leave the line; a place that was offered goes to the next."""
        self.get_object().leave()
        return Response(status=status.HTTP_204_NO_CONTENT)


class OfferAnswerView(GenericAPIView[Any]):
    """A patient's answer to an open offer."""

    audited_model = WaitlistEntry
    queryset = WaitlistEntry.objects.all()
    problems = {"post": (422,)}

    def get_queryset(self) -> QuerySet[WaitlistEntry]:
        return WaitlistEntry.objects.visible_to(self.request.user).select_related("patient")


class AcceptView(OfferAnswerView):
    """Book the place that is offered."""

    throttle_classes = (UserThrottle, BookingThrottle)
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
        """Book the place that is offered, by the rule: where it refuses, the offer stands."""
        appointment = self.get_object().accept(by=request.user)
        data = self.get_serializer(appointment).data
        location = reverse("appointment-detail", [appointment.pk], request=request)
        return Response(data, status.HTTP_201_CREATED, headers={"Location": location})


class DeclineView(OfferAnswerView):
    """Let an offered place go."""

    serializer_class = WaitlistEntrySerializer
    conflicts = {"post": ("no_open_offer",)}

    @idempotent
    @extend_schema(request=None, responses={204: None}, operation_id="appointment_waitlist_decline")
    def post(self, request: SignedInRequest, pk: int) -> Response:
        """Let the offered place go to the next who can have it, and keep one's place in line."""
        self.get_object().decline()
        return Response(status=status.HTTP_204_NO_CONTENT)
