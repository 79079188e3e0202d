"""A doctor's slots, free or explained: that takes the terms of the patient who asks."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.audit.views import record_read
from appointment.models import Appointment
from appointment.serializers import AskedSlotsSerializer, ExplainedSlotsSerializer


class AvailableSlotsView(APIView):
    """What can be booked of one doctor now, or why not."""

    audited_model = Appointment
    audited_parameters = ("patient",)
    is_public = True
    problems = {"get": (400,)}
    permission_classes = (AllowAny,)

    @extend_schema(parameters=[AskedSlotsSerializer], responses=ExplainedSlotsSerializer)
    def get(self, request: Request, doctor_id: int) -> Response:
        """What can be booked of one doctor now, earliest first: one page, bounded by its window.

        With `explain=true` every slot, and the first reason why the caller cannot book it: of
        oneself, of the dependent named by `patient`, or without a login of everybody.
        """
        asked = AskedSlotsSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        days = asked.days(doctor_id, timezone.now())
        patient = asked.whose(request.user)
        if patient:
            record_read(Appointment, [patient], "")
        rows = days.explained(patient) if asked.validated_data["explain"] else days.free()
        window = {"doctor": doctor_id, "from": days.first, "to": days.last}
        return Response({**window, "results": rows})
