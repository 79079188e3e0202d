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

__all__ = [
    "AgendaSerializer",
    "AppointmentDetailSerializer",
    "AppointmentSerializer",
    "BookingSerializer",
    "CancelationSerializer",
    "MoveSerializer",
]
