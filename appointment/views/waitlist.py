"""Join and leave the waitlist; accept and decline an offered place."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from accounts.audit.views import AuditedViewMixin
from accounts.models import AuditEvent
from accounts.requests import SignedInRequest
from appointment.filters import WaitlistFilter
from appointment.models import Offer, WaitlistEntry
from appointment.models.offer import with_state
from appointment.models.waitlist import CHANGE_ENTRY, DELETE_ENTRY
from appointment.permissions import IsTheirsOrStaffMay
from appointment.serializers import (
    WAITLIST_BODY,
    AcceptSerializer,
    AppointmentSerializer,
    WaitlistEntrySerializer,
    WaitlistJoinSerializer,
)
from appointment.throttles import BookingThrottle, DailyNamingThrottle, NamingThrottle
from appointment.views.booking import BOOKING_RULE_CODES, CHANGE_CODES, LOCATION
from appointment.views.idempotent import idempotent


class WaitlistViewSet(AuditedViewMixin, GenericViewSet[WaitlistEntry]):
    """The waitlist entries of the caller and the caller's dependents, in the order of joining.

    Staff join for their patients, and read and delete the entries at their sites by their ids.
    """

    audited_model = WaitlistEntry
    role_for_others = AuditEvent.Role.STAFF
    queryset = WaitlistEntry.objects.order_by("pk")
    serializer_class = WaitlistEntrySerializer
    filterset_class = WaitlistFilter
    lookup_value_converter = "id"
    permission_classes = (IsAuthenticated, IsTheirsOrStaffMay)
    throttle_classes = (NamingThrottle, DailyNamingThrottle)
    staff_permissions = {"destroy": (DELETE_ENTRY,)}
    conflicts = {
        "post": (
            "patient_deceased",
            "already_waiting",
            "too_many_entries",
            "place_available",
            *CHANGE_CODES,
        ),
    }
    problems = {"post": (404, 422), "delete": (403, 422)}

    def get_serializer_class(self) -> Any:
        """Return the serializer of the request body for a new entry."""
        return WaitlistJoinSerializer if self.action == "create" else WaitlistEntrySerializer

    def get_queryset(self) -> QuerySet[WaitlistEntry]:
        """Return the caller's own entries, or all that the caller may read by id; with state."""
        user, entries = self.request.user, WaitlistEntry.objects
        found = entries.concerning(user) if self.detail else entries.visible_to(user)
        shown = Offer.objects.answerable_by(user)
        return with_state(found, timezone.now(), shown).order_by("pk")

    @idempotent
    @extend_schema(
        request=WAITLIST_BODY,
        responses={201: WaitlistEntrySerializer},
        parameters=[LOCATION],
    )
    def create(self, request: SignedInRequest) -> Response:
        """Join the waitlist for a doctor or a specialty, for the caller or a dependent.

        Staff join for any patient whom they may book for. With `replaces`, the patient waits for an
        earlier time than that of the visit, and to accept an offer moves the visit. The entry ends
        as `expired` when the visit is canceled or over, and waits again if staff undo that before
        the visit begins. It ends as `accepted` when the patient books or moves a visit into a time
        that fits it.

        The error `already_waiting` means that this person is in line for the same doctor or
        specialty on days that meet these: the dates of both entries have a day in common that is
        one of the weekdays of both, whatever the times of day. `too_many_entries` means that the
        account has ten entries in line, its dependents' included. `place_available` means that a
        fitting slot is free now; it has up to three such slots as `alternatives`. The errors of
        a visit that cannot be moved are about the visit that the entry replaces.
        """
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        entry = WaitlistEntry.objects.join_for(request.user, **body.validated_data)
        shown = with_state(WaitlistEntry.objects.filter(pk=entry.pk), timezone.now()).get()
        data = WaitlistEntrySerializer(shown).data
        location = reverse("waitlist-detail", [entry.pk], request=request)
        return Response(data, status.HTTP_201_CREATED, headers={"Location": location})

    @idempotent
    @extend_schema(responses={204: None})
    def destroy(self, request: SignedInRequest, pk: Any) -> Response:
        """Leave the waitlist; a place that was offered goes to the next in line."""
        self.get_object().leave()
        return Response(status=status.HTTP_204_NO_CONTENT)


class OfferAnswerView(GenericAPIView[Any]):
    """The base of the views in which the patient, or staff for the patient, answers an offer."""

    audited_model = WaitlistEntry
    queryset = WaitlistEntry.objects.all()
    permission_classes = (IsAuthenticated, IsTheirsOrStaffMay)
    staff_permissions = {"post": (CHANGE_ENTRY,)}
    problems = {"post": (403, 422)}

    def get_queryset(self) -> QuerySet[WaitlistEntry]:
        """Return the entries of the caller and dependents and, for staff, at their sites."""
        return WaitlistEntry.objects.concerning(self.request.user).select_related("patient")


class AcceptView(OfferAnswerView):
    """Accept an offered place."""

    throttle_classes = (BookingThrottle,)
    serializer_class = AcceptSerializer
    conflicts = {"post": ("no_open_offer", *CHANGE_CODES, *BOOKING_RULE_CODES)}

    @idempotent
    @extend_schema(
        responses={201: AppointmentSerializer},
        operation_id="appointment_waitlist_accept",
        parameters=[LOCATION],
    )
    def post(self, request: SignedInRequest, pk: int) -> Response:
        """Book the offered place, or move the visit that the entry replaces there.

        If a rule refuses it, the offer stays open. Staff accept for a patient, and set rules aside
        with an `override_reason`.
        """
        entry, body = self.get_object(), self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        appointment = entry.accept(by=request.user, **body.validated_data)
        data = AppointmentSerializer(appointment).data
        location = reverse("appointment-detail", [appointment.pk], request=request)
        return Response(data, status.HTTP_201_CREATED, headers={"Location": location})


class DeclineView(OfferAnswerView):
    """Decline an offered place."""

    serializer_class = WaitlistEntrySerializer
    conflicts = {"post": ("no_open_offer",)}

    @idempotent
    @extend_schema(request=None, responses={204: None}, operation_id="appointment_waitlist_decline")
    def post(self, request: SignedInRequest, pk: int) -> Response:
        """Decline the offered place, which is never offered to this patient again.

        The entry keeps its position in line.
        """
        self.get_object().decline(by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
