"""Checks of this project's settings for `manage.py check --deploy`."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connection

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
ANY_HOST = Warning(
    "ALLOWED_HOSTS=* accepts any Host header, which mails and redirects then repeat.",
    hint="List the names of this server.",
    id="config.W004",
)
SQLITE = Warning(
    "DATABASE_URL names SQLite: one writer at a time, and no second server.",
    hint="Use PostgreSQL: DATABASE_URL=postgres://user:password@host:5432/name.",
    id="config.W005",
)
MAIL_IS_READABLE = Warning(
    "EMAIL_URL sends passwords and mailed links to another machine without TLS.",
    hint="Use smtp+tls:// (port 587) or smtp+ssl:// (port 465).",
    id="config.W006",
)
LINKS_ARE_READABLE = Warning(
    "LINK_URL does not begin with https://: others can read the tokens of mailed links.",
    hint="Give the https address of your client's pages.",
    id="config.W007",
)
NO_PROXY = Warning(
    "NUM_PROXIES=0: this server speaks no TLS, so that it refuses every call, or counts all "
    "callers behind a proxy as one.",
    hint="Put a proxy with TLS in front, and set NUM_PROXIES=1 and TRUSTED_PROXIES to its address.",
    id="config.W008",
)
EVERYBODY_IS_A_PROXY = Warning(
    "TRUSTED_PROXIES includes every address: anybody may choose the address that limits count.",
    hint="List the addresses of your proxies alone.",
    id="config.W009",
)
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
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


@register(Tags.security, deploy=True)
def server_is_reached_safely(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn of what a production server would believe of its callers, or send readable by others."""
    if not settings.PRODUCTION:
        return []
    is_smtp = settings.EMAIL_BACKEND.endswith("smtp.EmailBackend")
    encrypts = settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL
    found = (
        (ANY_HOST, "*" in settings.ALLOWED_HOSTS),
        (SQLITE, connection.vendor == "sqlite"),
        (MAIL_IS_READABLE, is_smtp and not encrypts and settings.EMAIL_HOST not in THIS_MACHINE),
        (LINKS_ARE_READABLE, settings.LINK_URL.startswith("http://")),
        (NO_PROXY, settings.NUM_PROXIES == 0),
        (EVERYBODY_IS_A_PROXY, any(net.prefixlen == 0 for net in settings.TRUSTED_PROXIES)),
    )
    return [warning for warning, applies in found if applies]
