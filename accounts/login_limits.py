"""The lock-out after wrong passwords (django-axes), and one limit for all login forms."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from accounts.exceptions import Throttled
from accounts.fields import fold_email
from accounts.throttles import LoginThrottle


def login_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """Return the e-mail address, folded, for which django-axes counts a wrong password."""
    given = credentials or request.POST
    return fold_email(str(given.get("username") or given.get("email") or ""))[:255]


def is_locked_out(request: HttpRequest, email: str) -> bool:
    """Whether the account has ten wrong passwords from the client's IP address.

    django-axes forgets them a minute after the last one. An account is never locked out for all IP
    addresses: a stranger could lock its owner out.
    """
    counts: bool = settings.AXES_ENABLED
    return counts and not AxesProxyHandler.is_allowed(request, {"username": email})


def refuse_locked_out(request: HttpRequest, email: str) -> None:
    """Raise Throttled if the account is locked out from the client's IP address."""
    if is_locked_out(request, email):
        raise Throttled(wait=int(settings.AXES_COOLOFF_TIME.total_seconds()))


def lockout_response(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """Return what a locked-out client gets: a 429 page from the admin and the browsable API.

    django-axes calls this. The API's login keeps its own response: `refuse_locked_out` refuses the
    next attempt before the password is checked.
    """
    if request.path.startswith("/api/"):
        return response
    wait = int(settings.AXES_COOLOFF_TIME.total_seconds())
    return throttled_page(gettext("Too many wrong passwords."), wait)


def throttled_page(reason: str, wait: int) -> HttpResponse:
    """Return a page with status 429; `wait`: seconds until the next attempt."""
    again = gettext("Try again in %(wait)s seconds.") % {"wait": wait}
    headers = {"Retry-After": str(wait)}
    return HttpResponse(f"{reason} {again}", status=429, content_type="text/plain", headers=headers)


def limits_logins(page: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a page with a login form: LoginThrottle counts its POSTs with the API's logins."""

    @wraps(page)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        throttle = LoginThrottle()
        if request.method == "POST" and not throttle.allow_request(request, None):
            return throttled_page(gettext("Too many logins."), int(throttle.wait()) + 1)
        return page(request, *args, **kwargs)

    return limited
