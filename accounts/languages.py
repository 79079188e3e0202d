"""The language in which the clinic writes to a person: one of `settings.LANGUAGES`."""

from typing import Any

from django.conf import settings
from django.utils.translation import get_language, get_supported_language_variant


def supported(tag: str) -> str:
    """Return the clinic's language for a BCP 47 tag, such as es for es-MX; "" if it has none."""
    try:
        return get_supported_language_variant(tag.lower())
    except LookupError:
        return ""


def asked_for(request: Any) -> str:
    """Return the language in which the request is answered; "" if its client asks for none."""
    return get_language() or "" if request.headers.get("Accept-Language") else ""


def first_supported(*tags: str) -> str:
    """Return the clinic's language for the first of these tags that has one, else its default."""
    return next(filter(None, map(supported, tags)), settings.LANGUAGE_CODE)
