"""A doctor's slots, free or explained: an explanation needs the booking context of a patient."""

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
from doctor.models import Doctor, Slot
from doctor.models.booking_rules import BookingContext
from doctor.models.directory import earliest_today
from doctor.wall_time import enclosing_span, spans_of_days
from patient.models import Patient


class AvailableSlotsView(APIView):
    """What can be booked of one doctor now, or why not."""

    audited_model = Appointment
    audited_parameters = ("patient",)
    is_public = True
    problems = {"get": (400,)}
    permission_classes = (AllowAny,)

    @extend_schema(parameters=[SlotsQuerySerializer], responses=ExplainedSlotsSerializer)
    def get(self, request: Request, doctor_id: int) -> Response:
        """What can be booked of one doctor now, earliest first: one page, bounded by its window.

        With `explain=true` every slot, and the first reason why the caller cannot book it: of
        oneself, of the dependent named by `patient`, or without a login of everybody.
        """
        serializer = SlotsQuerySerializer(data=request.query_params)
        serializer.is_valid(raise_exception=True)
        query, at = serializer.validated_data, timezone.now()
        locations = Doctor.objects.active().locations_of(doctor_id)
        first, last = serializer.dates(earliest_today(locations, at, query.get("location")))
        locations = [each for each in locations if query.get("location") in (None, each.pk)]
        slots = Slot.objects.filter(doctor=doctor_id).between(first, last, locations)
        slots = slots.order_by("starts_at", "pk")
        patient = self.patient(request, query)
        if not query["explain"]:
            rows = slots.bookable_in(BookingContext(at, tuple(locations))).to_list(at)
        else:
            context = BookingContext(at, tuple(locations))
            if patient and locations:
                zones = {each.pk: each.time_zone for each in locations}
                window = enclosing_span(spans_of_days(first, last, zones))
                context = booking_context(patient, at, locations, window)
            rows = slots.explained(context).to_list(at, "reason")
        return Response({"doctor": doctor_id, "from": first, "to": last, "results": rows})

    def patient(self, request: Request, query: dict[str, Any]) -> Patient | None:
        """The patient for whom the slots are explained, if any; recorded as a read of the patient.

        Raises Patient.DoesNotExist for a patient of another user. The plain list is the same for
        every caller.
        """
        if not query["explain"] and query.get("patient") is None:
            return None
        patient = Patient.objects.own_or_dependent(request.user, query.get("patient"))
        if patient:
            record_read(Appointment, [patient], "")
        return patient
