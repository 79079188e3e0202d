"""A doctor's slots: the free ones, or all with the reason why the caller cannot book them."""

from datetime import date, datetime

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.audit.views import record_read
from appointment.models import Appointment
from appointment.models.booking import RescheduleAppointment, booking_context
from appointment.serializers import ExplainedSlotsSerializer, SlotsQuerySerializer
from doctor.models import Location, Slot
from doctor.models.booking_rules import BookingContext
from doctor.models.directory import earliest_today
from doctor.models.free_slots import FreeSlots, locations_of
from doctor.models.slot import SlotQuerySet
from doctor.wall_time import enclosing_span, spans_of_days
from extensions.rest.conditional import (
    ETAG,
    IF_NONE_MATCH,
    NOT_MODIFIED,
    answer_if_changed,
)
from extensions.rest.query import validated_query
from patient.models import Patient


class AvailableSlotsView(APIView):
    """List the slots of a doctor."""

    audited_model = Appointment
    audited_parameters = ("patient", "appointment")
    is_public = login_is_optional = True
    permission_classes = (AllowAny,)

    @extend_schema(
        parameters=[SlotsQuerySerializer, IF_NONE_MATCH, ETAG],
        responses={200: ExplainedSlotsSerializer, 304: NOT_MODIFIED},
    )
    def get(self, request: Request, doctor_id: int) -> Response:
        """List the slots of a doctor that can be booked now, earliest first, on one page.

        The plain list is the same for every caller and has an ETag: with it in If-None-Match the
        answer is 304 as long as nothing in the list has changed. With `explain=true`, list every
        slot with the first reason why the caller, or the dependent in `patient`, cannot book it.
        Without a login, only reasons that hold for all patients. With `appointment` as well, the
        reason why that visit cannot be moved there.
        """
        serializer = validated_query(SlotsQuerySerializer, request)
        query, at = serializer.validated_data, timezone.now()
        location = query.get("location")
        if not query["explain"]:
            known = not serializer.ends_without_start
            free = FreeSlots.read(doctor_id, serializer.dates, at, location, known=known)
            self.read_subject(request, serializer)
            answer = {"doctor": doctor_id, "from": free.first, "to": free.last}
            return answer_if_changed(request, answer, free, public="patient" not in query)
        locations = locations_of(doctor_id, active=True)
        first, last = serializer.dates(earliest_today(locations, at, location))
        locations = [each for each in locations if location in (None, each.pk)]
        slots = Slot.objects.filter(doctor=doctor_id).between(first, last, locations)
        subject = self.read_subject(request, serializer)
        rows = self.explain(slots, subject, at, locations, first, last)
        listed = rows.order_by("starts_at", "pk").to_list(at, "reason")
        return Response({"doctor": doctor_id, "from": first, "to": last, "results": listed})

    def explain(
        self,
        slots: SlotQuerySet,
        subject: Patient | Appointment | None,
        at: datetime,
        locations: list[Location],
        first: date,
        last: date,
    ) -> SlotQuerySet:
        """Add to each slot the reason against booking it, or against moving the visit there."""
        if subject is None or not locations:
            return slots.explained(BookingContext(at, tuple(locations)))
        zones = {location.pk: location.time_zone for location in locations}
        window = enclosing_span(spans_of_days(first, last, zones))
        if isinstance(subject, Appointment):
            move = RescheduleAppointment(subject, at)
            return move.explain(slots, locations, window, self.request.user)
        return slots.explained(booking_context(subject, at, locations, window))

    def read_subject(
        self, request: Request, serializer: SlotsQuerySerializer
    ) -> Patient | Appointment | None:
        """Return the patient or the visit whose reasons are shown, and record the read.

        None without a login or a profile, and for the plain list (the same for everybody) without
        `patient`. Raises DoesNotExist for a patient of another user in either list, and for a visit
        that the caller may not move.
        """
        query = serializer.validated_data
        if not query["explain"] and query.get("patient") is None:
            return None
        visit = serializer.visit(request.user)
        if visit is not None:
            record_read(visit, [visit])
            return visit
        patient = Patient.objects.own_or_dependent(request.user, query.get("patient"))
        if patient:
            record_read(Appointment, [patient], "")
        return patient
