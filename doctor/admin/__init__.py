"""Doctors, where they are, and when they can be booked."""

from doctor.admin import directory, schedules, slots, weekly_hours  # noqa: F401  (importing registers them)
