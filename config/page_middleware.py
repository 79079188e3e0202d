"""Middleware that only pages and sessions need; a call of the API without a session skips it.

Subclasses, so that Django's checks of the settings still find each of them.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest
from django_htmx import middleware as htmx
from django_otp import middleware as otp

API = "/api/"
TOKEN = "token "  # noqa: S105  # nosec B105  # the scheme of the Authorization header


def is_under_api(request: HttpRequest) -> bool:
    """Whether the path is under /api/; /api itself counts, and /apiary does not."""
    return f"{request.path}/".startswith(API)


def needs_session(request: HttpRequest) -> bool:
    """Whether the answer can depend on a session: of a page, or of a call with its cookie.

    A call with a token is its user's, whatever cookie it sends. Another scheme of Authorization may
    be that of a proxy, in front of a person who uses the browsable API.
    """
    if not is_under_api(request):
        return True
    if request.META.get("HTTP_AUTHORIZATION", "")[: len(TOKEN)].lower() == TOKEN:
        return False
    return settings.SESSION_COOKIE_NAME in request.COOKIES


class SkippedWithoutSession:
    """Pass the request on, untouched, if it needs no session."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        known = vars(request)
        if "needs_session" not in known:
            known["needs_session"] = needs_session(request)
        if known["needs_session"]:
            return super().__call__(request)  # type: ignore[misc]
        return self.get_response(request)


class SessionMiddleware(SkippedWithoutSession, sessions.SessionMiddleware):
    """Django's, for pages and calls with a session."""


class AuthenticationMiddleware(SkippedWithoutSession, auth.AuthenticationMiddleware):
    """Django's, for pages and calls with a session."""


class OTPMiddleware(SkippedWithoutSession, otp.OTPMiddleware):
    """django-otp's, for pages and calls with a session."""


class MessageMiddleware(SkippedWithoutSession, messages.MessageMiddleware):
    """Django's, for pages and calls with a session."""


class HtmxMiddleware(SkippedWithoutSession, htmx.HtmxMiddleware):
    """django-htmx's, for pages and calls with a session."""
