"""The views of appointments, one module a concern."""

from appointment.views.booking import BookView, CancelView
from appointment.views.own import AppointmentViewSet

__all__ = ["AppointmentViewSet", "BookView", "CancelView"]
