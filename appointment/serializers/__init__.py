"""Serializers of appointments, leave, slots and the waitlist."""

from appointment.serializers.appointment import (
    AgendaSerializer,
    AppointmentDetailSerializer,
    AppointmentSerializer,
    BookingSerializer,
    CancelationSerializer,
    MoveSerializer,
)
from appointment.serializers.rebooking import (
    AffectedAppointmentSerializer,
    AffectedAppointmentsSerializer,
    PreviewSerializer,
    RebookingSerializer,
    TimeOffSerializer,
)
from appointment.serializers.slots import ExplainedSlotsSerializer, SlotsQuerySerializer
from appointment.serializers.waitlist import WaitlistEntrySerializer, WaitlistJoinSerializer

__all__ = [
    "AffectedAppointmentSerializer",
    "AffectedAppointmentsSerializer",
    "AgendaSerializer",
    "AppointmentDetailSerializer",
    "AppointmentSerializer",
    "BookingSerializer",
    "CancelationSerializer",
    "ExplainedSlotsSerializer",
    "MoveSerializer",
    "PreviewSerializer",
    "RebookingSerializer",
    "SlotsQuerySerializer",
    "TimeOffSerializer",
    "WaitlistEntrySerializer",
    "WaitlistJoinSerializer",
]
