"""The admin of doctors, locations, sessions and slots."""

from doctor.admin import directory, schedules, sites, slots, weekly_hours  # noqa: F401  (importing registers them)
