"""The WSGI entry point that gunicorn serves."""

import os
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import django
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
PIECE = 65536
DRAINED = 16 * 1024 * 1024


class Request(WSGIRequest):
    """Django's, but a Content-Type that it dies of counts as one that nobody knows.

    With a charset it reads the query at once, before anything could answer what is wrong with it.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        try:
            super().__init__(environ)
        except (LookupError, ValueError, SuspiciousOperation):
            super().__init__({**environ, "CONTENT_TYPE": "application/octet-stream"})


class Handler(WSGIHandler):
    request_class = Request


def measured(app: App) -> App:
    """Give a chunked body its length, which Django takes for none, and answer HEAD with no body."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.pop("HTTP_TRANSFER_ENCODING", "") and not environ.get("CONTENT_LENGTH"):
            body = read(environ["wsgi.input"], settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        answer = app(environ, start_response)
        if environ["REQUEST_METHOD"] == "HEAD":
            getattr(answer, "close", lambda: None)()
            return ()
        return answer

    return wrapped


def read(body: Any, most: int) -> bytes:
    """What was sent, or one piece more than is allowed; the rest is read on and forgotten."""
    kept = b""
    for _ in range(0, DRAINED, PIECE):
        piece = body.read(PIECE)
        if not piece:
            break
        kept += piece if len(kept) <= most else b""
    return kept


django.setup(set_prefix=False)
application = measured(Handler())
