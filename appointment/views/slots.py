"""A doctor's slots: the free ones, or all with the reason why the caller cannot book them."""

from datetime import date, datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.audit.views import record_read
from appointment.models import Appointment
from appointment.models.booking import booking_context
from appointment.serializers import ExplainedSlotsSerializer, SlotsQuerySerializer
from doctor.models import Doctor, Location, Slot
from doctor.models.booking_rules import BookingContext
from doctor.models.directory import earliest_today
from doctor.wall_time import enclosing_span, spans_of_days
from patient.models import Patient


class AvailableSlotsView(APIView):
    """List the slots of a doctor."""

    audited_model = Appointment
    audited_parameters = ("patient",)
    is_public = login_is_optional = True
    permission_classes = (AllowAny,)

    @extend_schema(parameters=[SlotsQuerySerializer], responses=ExplainedSlotsSerializer)
    def get(self, request: Request, doctor_id: int) -> Response:
        """List the slots of a doctor that can be booked now, earliest first, on one page.

        With `explain=true`, list every slot with the first reason why the caller, or the dependent
        in `patient`, cannot book it. Without a login, only reasons that hold for all patients.
        """
        serializer = SlotsQuerySerializer(data=request.query_params)
        serializer.is_valid(raise_exception=True)
        query, at = serializer.validated_data, timezone.now()
        locations = Doctor.objects.active().locations_of(doctor_id)
        first, last = serializer.dates(earliest_today(locations, at, query.get("location")))
        locations = [each for each in locations if query.get("location") in (None, each.pk)]
        slots = Slot.objects.filter(doctor=doctor_id).between(first, last, locations)
        slots = slots.order_by("starts_at", "pk")
        patient = self.read_patient(request, query)
        if query["explain"]:
            context = self.context_of(patient, at, locations, first, last)
            rows = slots.explained(context).to_list(at, "reason")
        else:
            rows = slots.bookable_in(BookingContext(at, tuple(locations))).to_list(at)
        return Response({"doctor": doctor_id, "from": first, "to": last, "results": rows})

    def context_of(
        self,
        patient: Patient | None,
        at: datetime,
        locations: list[Location],
        first: date,
        last: date,
    ) -> BookingContext:
        """Return the booking context for slots on these dates: of the patient, or without one."""
        if patient is None or not locations:
            return BookingContext(at, tuple(locations))
        zones = {location.pk: location.time_zone for location in locations}
        window = enclosing_span(spans_of_days(first, last, zones))
        return booking_context(patient, at, locations, window)

    def read_patient(self, request: Request, query: dict[str, Any]) -> Patient | None:
        """Return the patient whose visits explain the slots, and record the read of these visits.

        None without a login or a profile, and for the plain list (the same for everybody) without
        `patient`. Raises Patient.DoesNotExist for a patient of another user in either list.
        """
        if not query["explain"] and query.get("patient") is None:
            return None
        patient = Patient.objects.own_or_dependent(request.user, query.get("patient"))
        if patient:
            record_read(Appointment, [patient], "")
        return patient
