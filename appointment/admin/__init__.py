"""Appointments at the reception: booked, amended and concluded through their verbs."""

from appointment.admin import (  # noqa: F401  (importing them registers them)
    appointments,
    events,
    time_off,
    waitlist,
    work_list,
)
