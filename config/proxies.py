"""Headers that only the clinic's own proxies may set."""

from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

PREFIXES = ("HTTP_X_FORWARDED_", "HTTP_FORWARDED")


class TrustedProxyMiddleware:
    """Drop the forwarded headers of a request that comes from no address in TRUSTED_PROXIES.

    A client that reaches the port directly could otherwise choose the address that limits count
    and claim https for a plain connection. Stands first, so that no later code reads such a
    header. A request over a Unix socket has no address and is trusted: only programs of this
    machine open one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_trusted(request.META.get("REMOTE_ADDR", "")):
            for name in [name for name in request.META if name.startswith(PREFIXES)]:
                del request.META[name]
        return self.get_response(request)


def is_trusted(address: str) -> bool:
    """Whether the address is in TRUSTED_PROXIES, or empty as on a Unix socket."""
    if not address:
        return True
    with suppress(ValueError):
        parsed = ip_address(address)
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(parsed in network for network in settings.TRUSTED_PROXIES)
    return False
