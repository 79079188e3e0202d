"""Rate limits on booking, and on the search for a person to book for."""

from typing import Any

from extensions.rest.throttling import PerUserThrottle


class BookingThrottle(PerUserThrottle):
    """Limits the bookings and moves of one user per minute."""

    scope = "booking"
    counted_with_call = True


class NamedSearchThrottle(PerUserThrottle):
    """Limit the searches by staff of a site for any patient by name and birth date, an hour."""

    scope = "named_search"


class DailyNamedSearchThrottle(PerUserThrottle):
    """Limit the searches by staff of a site for any patient by name and birth date, a day."""

    scope = "named_search_daily"


class NamingThrottle(NamedSearchThrottle):
    """Limit the calls in which staff of a site name a patient, an hour; searches by name count too.

    Without this, staff who know the key and last name of a patient could try out birth dates.
    """

    def allow_request(self, request: Any, view: Any) -> bool:
        """Count the call if it names a patient; return whether it is within the limit."""
        return not names_patient(request) or super().allow_request(request, view)


class DailyNamingThrottle(DailyNamedSearchThrottle):
    """Limit the calls in which staff of a site name a patient, a day; searches count."""

    def allow_request(self, request: Any, view: Any) -> bool:
        """Count the call if it names a patient; return whether it is within the limit."""
        return not names_patient(request) or super().allow_request(request, view)


def names_patient(request: Any) -> bool:
    """Return whether the caller is staff of a site and the body has the name of a patient."""
    restricted = request.user.is_authenticated and request.user.is_staff and request.user.sites
    return bool(restricted and isinstance(request.data, dict) and "last_name" in request.data)
