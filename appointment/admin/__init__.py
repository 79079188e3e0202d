"""Admin pages of appointments, leave and the waitlist. Staff change rows only by model verbs."""

from appointment.admin import (  # noqa: F401  (importing them registers them)
    appointments,
    calendars,
    events,
    messages,
    people,
    time_off,
    waitlist,
    webhooks,
    work_list,
)
