"""The views of appointments, one module a concern."""

from appointment.views.booking import BookView, CancelView, RescheduleView
from appointment.views.day import AgendaView, CheckInView, CompleteView, NoShowView
from appointment.views.own import AppointmentViewSet
from appointment.views.slots import AvailableSlotsView
from appointment.views.waitlist import AcceptView, DeclineView, WaitlistViewSet

__all__ = [
    "AcceptView",
    "AgendaView",
    "AppointmentViewSet",
    "AvailableSlotsView",
    "BookView",
    "CancelView",
    "CheckInView",
    "CompleteView",
    "DeclineView",
    "NoShowView",
    "RescheduleView",
    "WaitlistViewSet",
]
