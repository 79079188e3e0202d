"""Path converters that Django lacks."""

from django.urls.converters import IntConverter


class IdConverter(IntConverter):
    """A primary key in a path: at most 18 digits, so that no database overflows on it."""

    regex = "[0-9]{1,18}"
