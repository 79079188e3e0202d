"""The views of appointments, one module a concern."""

from appointment.views.booking import BookView, CancelView, RescheduleView
from appointment.views.day import AgendaView, CheckInView, CompleteView, NoShowView
from appointment.views.own import AppointmentViewSet
from appointment.views.slots import AvailableSlotsView

__all__ = [
    "AgendaView",
    "AppointmentViewSet",
    "AvailableSlotsView",
    "BookView",
    "CancelView",
    "CheckInView",
    "CompleteView",
    "NoShowView",
    "RescheduleView",
]
