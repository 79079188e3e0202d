"""Appointments at the reception: booked, amended and concluded through their verbs."""

from appointment.admin import appointments, events, waitlist  # noqa: F401  (importing registers)
