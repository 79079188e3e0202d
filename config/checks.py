"""Checks of this project for `manage.py check`; those of settings run with `--deploy` only."""

import re
from ipaddress import collapse_addresses
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connection

from config.time_zones import other_sources

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
    "ALLOWED_HOSTS accepts any host, or any of a top-level domain, and redirects repeat it.",
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
MAIL_GOES_NOWHERE = Warning(
    "EMAIL_URL names no mail server: users cannot reset a password or verify an address.",
    hint="Use smtp+tls://user:password@host:587.",
    id="config.W010",
)
LINKS_ARE_READABLE = Warning(
    "LINK_URL does not begin with https://: others can read the tokens of mailed links.",
    hint="Give the https address of your client's pages.",
    id="config.W007",
)
CHANNELS_ARE_READABLE = Warning(
    "SMS_URL or PUSH_URL does not begin with https://: others can read telephone numbers and keys.",
    hint="Give the https address of the provider.",
    id="config.W012",
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
OTHER_ZONES = Warning(
    "Python reads time zones from the files of this machine, and not from the package tzdata.",
    hint="Call zoneinfo.reset_tzpath only as config/time_zones.py does.",
    id="config.W011",
)
WHOLE_DOMAIN = re.compile(r"\.[^.]+")  # such as .com: any host of a top-level domain
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
    hosts = settings.ALLOWED_HOSTS
    encrypts = settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL
    found = (
        (ANY_HOST, any(host == "*" or WHOLE_DOMAIN.fullmatch(host) for host in hosts)),
        (SQLITE, connection.vendor == "sqlite"),
        (MAIL_IS_READABLE, is_smtp and not encrypts and settings.EMAIL_HOST not in THIS_MACHINE),
        (LINKS_ARE_READABLE, settings.LINK_URL.startswith("http://")),
        (CHANNELS_ARE_READABLE, any(map(_is_http, settings.MESSAGE_CHANNELS.values()))),
        (NO_PROXY, settings.NUM_PROXIES == 0),
        (EVERYBODY_IS_A_PROXY, _include_everybody(settings.TRUSTED_PROXIES)),
        (MAIL_GOES_NOWHERE, not is_smtp),
    )
    return [warning for warning, applies in found if applies]


def _is_http(channel: dict[str, Any]) -> bool:
    return str(channel.get("OPTIONS", {}).get("url", "")).startswith("http://")


@register()
def zones_are_pinned(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn if wall times would be converted by other zone data than the pinned package's."""
    return [OTHER_ZONES] if other_sources() else []


def _include_everybody(networks: list[Any]) -> bool:
    """Whether the networks together have every address of IPv4 or of IPv6."""
    of_version = ([net for net in networks if net.version == version] for version in (4, 6))
    return any(net.prefixlen == 0 for nets in of_version for net in collapse_addresses(nets))
