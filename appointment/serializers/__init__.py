"""The shape of appointments in the API, one module a concern."""

from appointment.serializers.appointment import AppointmentSerializer
from appointment.serializers.booking import BookingSerializer, CancelationSerializer

__all__ = ["AppointmentSerializer", "BookingSerializer", "CancelationSerializer"]
