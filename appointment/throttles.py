"""Rate limits on booking."""

from extensions.rest.throttling import PerUserThrottle


class BookingThrottle(PerUserThrottle):
    """Limits the bookings and moves of one user per minute."""

    scope = "booking"
