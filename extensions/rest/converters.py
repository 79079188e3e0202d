"""Path converters that Django lacks."""

from django.urls.converters import IntConverter, StringConverter


class IdConverter(IntConverter):
    """A primary key in a path: at most 18 digits, so that no database overflows on it."""

    regex = "[0-9]{1,18}"


class SecretConverter(StringConverter):
    """A secret of 256 bits in base64url, as `secrets.token_urlsafe(32)` makes one."""

    regex = "[A-Za-z0-9_-]{43}"
