"""The header Idempotency-Key, with which a client may send a request again without harm.

After the IETF draft draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

from django.utils.translation import gettext
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
    """A stored response: status, rendered body, header Location, and whether this is a replay."""

    status: int
    body: str = ""
    location: str = ""
    is_replay: bool = False

    def response(self) -> Response:
        """Return the response, byte for byte the first one; a replay adds Idempotency-Replayed."""
        headers = {"Location": self.location} if self.location else {}
        if self.is_replay:
            headers[REPLAYED] = "true"
        return StoredResponse(self.body, self.status, headers=headers)


class StoredResponse(Response):
    """A response whose body is JSON text already; only another format than JSON is rendered."""

    def __init__(self, text: str, status: int, headers: dict[str, str]) -> None:
        super().__init__(None, status, headers=headers)
        self.text = text

    @property
    def rendered_content(self) -> Any:
        """Return the text as it is, or in the format that the client asked for."""
        renderer: Any = self.accepted_renderer
        plain = renderer.media_type == self.accepted_media_type == JSONRenderer.media_type
        if self.text and plain:
            self["Content-Type"] = JSONRenderer.media_type
            return self.text.encode()
        self.data = json.loads(self.text) if self.text else None
        return super().rendered_content


Handler = Callable[..., Response]
# store(view, request, key, fingerprint, handle): the first time that a user sends the key, call
# `handle` and keep its response in the same transaction; later return the response that was kept.
Store = Callable[[Any, Any, str, str, Callable[[], Response]], Answer]


def idempotent(store: Store) -> Callable[[Handler], Handler]:
    """Return a decorator by which a view's writing method honors the header, with this store.

    A request without the header is handled as usual.
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
    """Return the key; raises ValidationError unless it is 1 to 255 visible ASCII characters."""
    key: str = request.headers[HEADER]
    if not VISIBLE_ASCII.match(key):
        raise ValidationError({HEADER: gettext("Use 1 to 255 visible characters of ASCII.")})
    return key


def fingerprint_of(request: Request) -> str:
    """Return the SHA-256 of method, path and parsed body; requests with the same one are equal."""
    data = request.data
    body = dict(data.lists()) if hasattr(data, "lists") else data
    text = json.dumps([request.method, request.path, body], sort_keys=True, default=_file_digest)
    return hashlib.sha256(text.encode()).hexdigest()


def rendered(response: Response) -> str:
    """Return the body of a response as JSON text; "" for a response without one."""
    return "" if response.data is None else JSONRenderer().render(response.data).decode()


def _file_digest(file: Any) -> str:
    """Return the SHA-256 of an uploaded file, since JSON cannot hold the file itself.

    No endpoint takes files, but any client can send one in a form.
    """
    return hashlib.sha256(file.read()).hexdigest()
