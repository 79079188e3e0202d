"""Requests that a client may send again: the header Idempotency-Key.

After the IETF draft draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
VISIBLE_ASCII = re.compile(r"[!-~]{1,255}\Z")
PARAMETERS = [
    OpenApiParameter(
        HEADER,
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "header",
        description="A name of your own for this request: sent again within 24 hours it gets the "
        "same answer, and nothing is done twice.",
    ),
    OpenApiParameter(
        REPLAYED,
        {"type": "string", "enum": ["true"]},
        "header",
        response=[200, 201, 204],
        description="The answer was given before.",
    ),
]


@dataclass(frozen=True)
class Answer:
    """A stored answer: status, rendered body, Location, and whether it is a replay."""

    status: int
    body: str = ""
    location: str = ""
    is_replay: bool = False

    def response(self) -> Response:
        """The answer, byte for byte as it was given first; a replay says so in a header."""
        headers = {"Location": self.location} if self.location else {}
        if self.is_replay:
            headers[REPLAYED] = "true"
        data = json.loads(self.body) if self.body else None
        return Response(data, self.status, headers=headers)


Handler = Callable[..., Response]
# store(view, request, key, fingerprint, handle): call `handle` once for a user's key and keep
# its answer in the same transaction, or return the answer that was kept.
Store = Callable[[Any, Any, str, str, Callable[[], Response]], Answer]


def idempotent(store: Store) -> Callable[[Handler], Handler]:
    """Make a decorator for handlers of writes, which honor the header with this store.

    Without the header a handler works as ever.
    """

    def decorator(handler: Handler) -> Handler:
        @wraps(handler)
        def wrapper(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            handle = partial(handler, view, request, *args, **kwargs)
            if HEADER not in request.headers:
                return handle()
            return store(view, request, key_of(request), fingerprint_of(request), handle).response()

        return extend_schema(parameters=PARAMETERS)(wrapper)

    return decorator


def key_of(request: Request) -> str:
    """The key; raises ValidationError unless it is 1 to 255 visible ASCII characters."""
    key: str = request.headers[HEADER]
    if not VISIBLE_ASCII.match(key):
        raise ValidationError({HEADER: "Use 1 to 255 visible characters of ASCII."})
    return key


def fingerprint_of(request: Request) -> str:
    """SHA-256 of the method, the path and the parsed body: what makes two requests the same."""
    data = request.data
    body = dict(data.lists()) if hasattr(data, "lists") else data
    text = json.dumps([request.method, request.path, body], sort_keys=True, default=_file_digest)
    return hashlib.sha256(text.encode()).hexdigest()


def rendered(response: Response) -> str:
    """The body of an answer as JSON; empty for an answer without one."""
    return "" if response.data is None else JSONRenderer().render(response.data).decode()


def _file_digest(file: Any) -> str:
    """A digest in place of a file in a form, which no endpoint takes but any client can send."""
    return hashlib.sha256(file.read()).hexdigest()
