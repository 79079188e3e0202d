"""Checks of this project's settings for `manage.py check --deploy`."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

LIMITS_ARE_OFF = Warning(
    "THROTTLE=off lifts every rate limit, the one on guessing passwords included.",
    hint="Unset THROTTLE: it is for load tests only.",
    id="config.W001",
)
NO_SECOND_FACTOR = Warning(
    "ADMIN_SECOND_FACTOR=off lets a password alone open the admin.",
    hint="Unset ADMIN_SECOND_FACTOR; docs/operations.md says how the first admin enrols.",
    id="config.W002",
)

LIMITS_ARE_NOT_SHARED = Warning(
    "CACHE_URL names a cache that does not count calls exactly across processes.",
    hint="Unset CACHE_URL: a table of the database counts exactly, for all processes.",
    id="config.W003",
)
UNSHARED = ("LocMemCache", "FileBasedCache", "DummyCache")


@register(Tags.security, deploy=True)
def limits_are_on(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn if the server would answer without rate limits."""
    return [] if settings.THROTTLE else [LIMITS_ARE_OFF]


@register(Tags.security, deploy=True)
def limits_are_shared(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn if each process of a production server would count its calls separately."""
    unshared = settings.CACHES["default"]["BACKEND"].endswith(UNSHARED)
    return [LIMITS_ARE_NOT_SHARED] if settings.PRODUCTION and unshared else []


@register(Tags.security, deploy=True)
def second_factor_is_asked_for(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn if the admin of a production server would ask for a password only."""
    asked = settings.ADMIN_SECOND_FACTOR or not settings.PRODUCTION
    return [] if asked else [NO_SECOND_FACTOR]
