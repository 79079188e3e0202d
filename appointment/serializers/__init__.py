"""The shape of appointments in the API, one module a concern."""

from appointment.serializers.appointment import (
    AgendaSerializer,
    AppointmentDetailSerializer,
    AppointmentSerializer,
)
from appointment.serializers.booking import (
    BookingSerializer,
    CancelationSerializer,
    MoveSerializer,
)
from appointment.serializers.rebooking import (
    HitSerializer,
    HitsSerializer,
    PreviewSerializer,
    RebookingSerializer,
    TimeOffSerializer,
)
from appointment.serializers.slots import AskedSlotsSerializer, ExplainedSlotsSerializer
from appointment.serializers.waitlist import WaitlistEntrySerializer, WaitlistJoinSerializer

__all__ = [
    "AgendaSerializer",
    "AppointmentDetailSerializer",
    "AppointmentSerializer",
    "AskedSlotsSerializer",
    "BookingSerializer",
    "CancelationSerializer",
    "ExplainedSlotsSerializer",
    "HitSerializer",
    "HitsSerializer",
    "MoveSerializer",
    "PreviewSerializer",
    "RebookingSerializer",
    "TimeOffSerializer",
    "WaitlistEntrySerializer",
    "WaitlistJoinSerializer",
]
