"""Limits on booking."""

from extensions.rest.throttling import PerUser


class BookingThrottle(PerUser):
    """So many bookings and moves a minute for a user."""

    scope = "booking"
