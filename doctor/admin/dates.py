"""Whether the numbers of a date that staff type have the day first."""

from collections.abc import Mapping
from typing import Any

from doctor.models import Location
from extensions.admin.forms import valid_keys

LOCATION_FIELDS = ("location", "clock")  # of the admin's forms, in this order


def numbers_are_day_first(typed: Mapping[str, Any]) -> bool:
    """Return whether the location chosen in the form is in a country that writes the day first.

    In a form without a location (a date of birth), whether all locations with a country are.
    """
    chosen = next((typed[name] for name in LOCATION_FIELDS if typed.get(name)), None)
    if chosen is None:
        return Location.objects.all().write_day_first()
    return Location.objects.filter(pk__in=valid_keys([chosen])).write_day_first()
