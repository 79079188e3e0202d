"""POST to a URL that a user has entered: public addresses only, limited in time and size.

The host is resolved once, all of its addresses are checked, and the connection goes to one of them,
with the host's name for TLS. A name server that changes its answer after the check (DNS rebinding)
changes nothing. No redirect is followed, and no proxy of the environment is used.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.utils.translation import gettext_lazy as _
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidHeader,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util import Retry, parse_url

TOTAL_SECONDS = 10.0  # of a POST: DNS, connection, TLS, and the head of the answer
STEP_SECONDS = 3.0  # of DNS; of a connection; of the handshake of TLS
MOST_ADDRESSES = 4  # of a host, that are tried: those of IPv6 may all be out of reach
MOST_READ = 64 * 1024  # bytes of the body of an answer
LONGEST_RETRY_AFTER = 24 * 60 * 60  # seconds
MAX_URL = 500
USUAL_PORTS = {"http": 80, "https": 443}
FIRST_FREE_PORT = 1024  # from here on any port is allowed; below only that of https

GLOBAL_V6 = ip_network("2000::/3")
# Global by the registries, but never the address of a receiver: relays to an IPv4 address in them,
# benchmarks and documentation, and the metadata service of a cloud.
NEVER = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "168.63.129.16/32",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "3fff::/20",
        ),
    )
)


class UrlRefused(Exception):
    """Nothing is sent to this URL; has a `code` and a `message`, a sentence for people."""

    def __init__(self, code: str, message: Any) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class NoAnswer(Exception):
    """There was no valid answer; the text says why and quotes neither the URL nor the answer."""


@dataclass(frozen=True)
class Target:
    """The parts of a URL that was checked: `host` is a name in ASCII, or an address."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """The value of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == USUAL_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """The status of an answer, and the seconds that its Retry-After asks for, if it does."""

    status: int
    retry_after: float | None = None


# --- Checks ---------------------------------------------------------------------------------------


def is_public(address: str) -> bool:
    """Whether the address is on the public Internet: neither private nor of a special use."""
    try:
        ip = ip_address(address)
    except ValueError:  # such as one with a zone, fe80::1%eth0
        return False
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip not in GLOBAL_V6:  # leaves out NAT64 (64:ff9b::/96) too
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in NEVER)


def parse(url: str, private: bool = False) -> Target:
    """Return the parts of the URL; raises UrlRefused.

    `private`: whether http, and any port, are allowed as well.
    """
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise _malformed() from None
    scheme = parts.scheme or ""
    if len(url) > MAX_URL or scheme not in USUAL_PORTS or not parts.host or parts.fragment:
        raise _malformed()
    if not url.isprintable() or " " in url:
        raise _malformed()
    if scheme == "http" and not private:
        raise UrlRefused("url_not_https", _("The address must begin with https://."))
    if parts.auth is not None:
        raise UrlRefused("url_credentials", _("The address must hold no user name or password."))
    port = USUAL_PORTS[scheme] if parts.port is None else parts.port
    if not private and port != USUAL_PORTS["https"] and port < FIRST_FREE_PORT:
        raise UrlRefused("url_port", _("The port must be 443, or 1024 or above."))
    return Target(scheme, parts.host.strip("[]"), port, parts.request_uri)


def _malformed() -> UrlRefused:
    return UrlRefused("url_invalid", _("Enter an address such as https://example.com/webhooks."))


def check(url: str, private: bool = False) -> None:
    """Raise UrlRefused unless the URL is well formed and all addresses of its host are public."""
    checked_addresses(parse(url, private), private)


def checked_addresses(target: Target, private: bool = False) -> list[str]:
    """Return the addresses of the host; raises UrlRefused if one of them is not public."""
    found = _in_time(target)
    if not found:
        raise UrlRefused("url_unresolvable", _("No address was found for the host."))
    if not private and not all(map(is_public, found)):
        raise UrlRefused("url_not_public", _("The host is not at a public address."))
    return found


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of the host, none if there is none; waits as long as the system does."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _in_time(target: Target) -> list[str]:
    """Return what `resolve` does, or [] after STEP_SECONDS: getaddrinfo takes no timeout."""
    found: list[str] = []
    thread = threading.Thread(
        target=lambda: found.extend(resolve(target.host, target.port)), daemon=True
    )
    thread.start()
    thread.join(STEP_SECONDS)
    return [] if thread.is_alive() else found


# --- POST -----------------------------------------------------------------------------------------


def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool = False) -> Answer:
    """POST the body within TOTAL_SECONDS; return the answer, whatever its status.

    Raises UrlRefused, before anything is sent, and NoAnswer.
    """
    deadline = time.monotonic() + TOTAL_SECONDS
    target = parse(url, private)
    addresses = checked_addresses(target, private)
    try:
        connection = _connected(target, addresses, deadline)
        with _ended_at(deadline, connection):
            as_it_comes = {"preload_content": False, "decode_content": False}  # no endless body
            connection.request("POST", target.path, body, _headers(target, headers), **as_it_comes)
            response = connection.getresponse()
            if time.monotonic() >= deadline:  # the end of a head that was cut off there
                raise NoAnswer("timeout")
            answer = Answer(
                response.status, seconds_of_retry_after(response.headers.get("Retry-After"))
            )
            with suppress(Exception):  # the status stands, whatever becomes of the body
                response.read(MOST_READ, decode_content=False)
            return answer
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        raise NoAnswer(_reason(error, deadline)) from None


def _headers(target: Target, headers: Mapping[str, str]) -> dict[str, str]:
    return {**headers, "Host": target.host_header, "Connection": "close", "Accept": "*/*"}


def _connected(target: Target, addresses: list[str], deadline: float) -> Any:
    """Return a connection to the first of the addresses that takes one; raises its error."""
    failure: Exception = TimeoutError()
    for address in addresses[:MOST_ADDRESSES]:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        connection = _connection(target, address, min(STEP_SECONDS, left))
        try:
            connection.connect()
        except (HTTPError, OSError) as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def _connection(target: Target, address: str, seconds: float) -> Any:
    if target.scheme == "http":
        return HTTPConnection(address, target.port, timeout=seconds)
    return HTTPSConnection(
        address,
        target.port,
        timeout=seconds,
        ssl_context=_tls(),
        server_hostname=target.host,
    )


@cache
def _tls() -> ssl.SSLContext:
    """Return a context that trusts the machine's certificate authorities and checks names."""
    return ssl.create_default_context()


@contextmanager
def _ended_at(deadline: float, connection: Any) -> Iterator[None]:
    """Close the connection after the block, or at the deadline: then what reads in it fails.

    A timeout of the socket alone would begin again with every byte of a slow answer.
    """
    connected = connection.sock
    left = max(0.0, deadline - time.monotonic())
    connection.timeout = max(left, 0.001)  # urllib3 sets it; it was that of the connecting
    timer = threading.Timer(left, _hang_up, [connected])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        connection.close()


def _hang_up(connected: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(
            connected, socket.SHUT_RDWR
        )  # past the layer of TLS, if there is one


def _reason(error: Exception, deadline: float) -> str:
    """Return what went wrong, in words that quote neither the URL nor the answer."""
    found = [error, error.__cause__, error.__context__, *error.args]
    if isinstance(error, (NewConnectionError, NameResolutionError)):
        return "no connection"
    if time.monotonic() >= deadline or any(
        isinstance(each, (TimeoutError, ConnectTimeoutError)) for each in found
    ):
        return "timeout"
    if any(isinstance(each, ssl.SSLError) for each in found):
        return "TLS failed"
    return "no valid answer"


def seconds_of_retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After asks for, as a number or a date; at most a day.

    None if there is no header or neither is in it (RFC 9110, section 10.2.3).
    """
    try:
        return Retry(retry_after_max=LONGEST_RETRY_AFTER).parse_retry_after(value or "")
    except (InvalidHeader, ValueError, OverflowError):
        return None
