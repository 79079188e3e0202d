"""Rate limits on booking, and on the search for a person to book for."""

from extensions.rest.throttling import PerUserThrottle


class BookingThrottle(PerUserThrottle):
    """Limits the bookings and moves of one user per minute."""

    scope = "booking"


class NamedSearchThrottle(PerUserThrottle):
    """Limit the searches for anybody by last name and birth date, by staff of a site, an hour."""

    scope = "named_search"


class DailyNamedSearchThrottle(PerUserThrottle):
    """Limit the searches for anybody by last name and birth date, by staff of a site, a day."""

    scope = "named_search_daily"
