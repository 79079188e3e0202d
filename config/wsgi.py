"""The WSGI entry point that gunicorn serves."""

import os
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import django
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

from config.uploads import longest_body

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
CHUNK = 65536  # bytes
MAX_DRAINED = 16 * 1024 * 1024  # bytes


class Request(WSGIRequest):
    """Django's WSGIRequest, which treats a Content-Type that it fails on as an unknown one.

    With a charset Django decodes the query in the constructor, before any middleware can answer.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        try:
            super().__init__(environ)
        except (LookupError, ValueError, SuspiciousOperation):
            super().__init__({**environ, "CONTENT_TYPE": "application/octet-stream"})


class Handler(WSGIHandler):
    """Django's WSGIHandler with the request class above."""

    request_class = Request


def read_chunked_body(app: App) -> App:
    """Wrap the app: read a chunked body and set its length, without which Django reads no body."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.pop("HTTP_TRANSFER_ENCODING", "") and not environ.get("CONTENT_LENGTH"):
            body = read_limited(environ["wsgi.input"], longest_body(environ["PATH_INFO"]))
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return app(environ, start_response)

    return wrapped


def drop_body_of_head(app: App) -> App:
    """Wrap the app: send no body in the response to HEAD."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = app(environ, start_response)
        if environ["REQUEST_METHOD"] == "HEAD":
            getattr(answer, "close", lambda: None)()
            return ()
        return answer

    return wrapped


def read_limited(body: Any, limit: int) -> bytes:
    """Read the body; keep up to one chunk above `limit`, so that it counts as too large."""
    kept = b""
    for _ in range(0, MAX_DRAINED, CHUNK):
        chunk = body.read(CHUNK)
        if not chunk:
            break
        kept += chunk if len(kept) <= limit else b""
    return kept


django.setup(set_prefix=False)
application = read_chunked_body(drop_body_of_head(Handler()))
