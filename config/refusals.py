"""What the server itself answers to a request that never reaches the application."""

import json
import random
from http import HTTPStatus

from django.utils.encoding import escape_uri_path

API = b"/api/"
MAX_INSTANCE = 1_000  # bytes of a path that the answer repeats
CODES = {403: "permission_denied", 500: "server_error", 503: "unavailable"}  # else parse_error
DETAILS = {
    400: "The request is not valid HTTP.",
    408: "The request took too long to arrive.",
    414: "The request line is too long.",
    417: "The server cannot meet the expectation of the Expect header.",
    431: "The headers are too long, or too many.",
    500: "Something went wrong here. It has been logged.",
    501: "The server does not know this Transfer-Encoding.",
    503: "The server is busy. Try again in a moment.",
}
# Seconds; each client gets another number, so that they do not all come back at once.
RETRY_AFTER = range(2, 9)


def refusal(status: int, request_line: bytes) -> bytes:
    """Return the whole answer, which ends the connection.

    It is a problem (RFC 9457), as every error of the API, unless the request line names a path
    outside the API: then it is the status in words.
    """
    method, path = _parts(request_line)
    if path.startswith(b"/") and not path.startswith(API):
        media_type, body = "text/plain", f"{status} {HTTPStatus(status).phrase}\n"
    else:
        media_type, body = "application/problem+json", _document(status, path)
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        "Cache-Control: no-store",
        f"Content-Type: {media_type}",
        f"Content-Length: {len(body)}",
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        seconds = random.choice(RETRY_AFTER)  # noqa: S311  # nosec B311  # no secret
        lines.append(f"Retry-After: {seconds}")
    head = "\r\n".join([*lines, "", ""])
    return (head if method == b"HEAD" else head + body).encode()


def _parts(request_line: bytes) -> tuple[bytes, bytes]:
    """Return the method and the path, as far as they are known."""
    method, _, target = request_line.partition(b" ")
    return method, target.partition(b" ")[0].partition(b"?")[0]


def _document(status: int, path: bytes) -> str:
    """Return the members of `config.problems.Problem`, which the server's own process lacks."""
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": DETAILS.get(status, HTTPStatus(status).phrase),
        "code": CODES.get(status, "parse_error"),
    }
    if path.startswith(API) and len(path) <= MAX_INSTANCE:
        document["instance"] = escape_uri_path(path.decode("latin-1"))
    return json.dumps(document)
