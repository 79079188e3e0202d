"""The lock-out after wrong passwords (django-axes), and one limit for every login form."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.exceptions import Throttled
from accounts.fields import fold_email
from accounts.throttles import LoginThrottle


def login_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The account that a login tries, spelled as it is stored, from any of the login forms."""
    given = credentials or request.POST
    return fold_email(str(given.get("username") or given.get("email") or ""))[:255]


def is_locked_out(request: HttpRequest, email: str) -> bool:
    """Whether ten wrong passwords within a minute came for this account from this address.

    Never the account alone: a stranger elsewhere would lock its owner out.
    """
    counts: bool = settings.AXES_ENABLED
    return counts and not AxesProxyHandler.is_allowed(request, {"username": email})


def refuse_locked_out(request: HttpRequest, email: str) -> None:
    """Raise Throttled for an account that is locked out from this address."""
    if is_locked_out(request, email):
        raise Throttled(wait=int(settings.AXES_COOLOFF_TIME.total_seconds()))


def lockout_response(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """What a locked-out login form of the admin or the browsable API shows.

    The API says it itself: `refuse_locked_out` answers before a password is looked at.
    """
    if request.path.startswith("/api/"):
        return response
    return too_many("Too many wrong passwords.", int(settings.AXES_COOLOFF_TIME.total_seconds()))


def too_many(what: str, wait: int) -> HttpResponse:
    """A page that refuses for so many seconds."""
    sentence = f"{what} Try again in {wait} seconds."
    headers = {"Retry-After": str(wait)}
    return HttpResponse(sentence, status=429, content_type="text/plain", headers=headers)


def limits_logins(page: Callable[..., Any]) -> Callable[..., Any]:
    """A page with a login form, counted with the logins of the API: one limit for all doors."""

    @wraps(page)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        throttle = LoginThrottle()
        if request.method == "POST" and not throttle.allow_request(request, None):
            return too_many("Too many logins.", int(throttle.wait()) + 1)
        return page(request, *args, **kwargs)

    return limited
