"""Limits on booking."""

from extensions.rest.throttling import PerUserThrottle


class BookingThrottle(PerUserThrottle):
    """So many bookings and moves a minute for a user."""

    scope = "booking"
