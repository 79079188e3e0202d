"""Appointments and the record of what happened to them."""

from appointment.models.appointment import Appointment
from appointment.models.event import AppointmentEvent
from appointment.models.status import Status

__all__ = ["Appointment", "AppointmentEvent", "Status"]
