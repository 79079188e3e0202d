"""Limits on signing in and up: who is counted, for how long, and what a refusal says."""

from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from accounts.exceptions import Throttled
from accounts.fields import fold_email


def client_address(request: HttpRequest) -> str:
    """The caller's address as a login is counted: NUM_PROXIES says how far to trust headers.

    Some proxies add the port. What is no address at all counts as the one that connects.
    """
    told = BaseThrottle().get_ident(request) or ""  # type: ignore[arg-type]
    direct = request.META.get("REMOTE_ADDR", "")  # absent in `Client.force_login`
    for spelling in (told, told.rpartition(":")[0].strip("[]"), direct):
        with suppress(ValueError):
            return str(ip_address(spelling))
    return ""


def login_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The account that a login tries, spelled as it is stored, from any of the login forms."""
    given = credentials or request.POST
    return fold_email(str(given.get("username") or given.get("email") or ""))[:255]


def refuse_locked_out(request: HttpRequest, email: str) -> None:
    """Raise Throttled after ten wrong passwords within a minute, per account and address."""
    if settings.AXES_ENABLED and not AxesProxyHandler.is_allowed(request, {"username": email}):
        raise Throttled(wait=int(settings.AXES_COOLOFF_TIME.total_seconds()))


def lockout_response(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """What a locked-out login form of the admin or the browsable API shows.

    The API says it itself: `refuse_locked_out` answers before a password is looked at.
    """
    if request.path.startswith("/api/"):
        return response
    wait = int(settings.AXES_COOLOFF_TIME.total_seconds())
    sentence = f"Too many wrong passwords. Try again in {wait} seconds."
    return HttpResponse(
        sentence, status=429, content_type="text/plain", headers={"Retry-After": str(wait)}
    )


class RegistrationThrottle(SimpleRateThrottle):
    """So many new accounts an hour for one address, whoever the caller says they are."""

    scope = "register"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}
