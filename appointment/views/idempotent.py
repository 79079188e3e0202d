"""Requests that may be sent again: the header Idempotency-Key.

After the IETF draft draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import json
import re
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from django.db.models import Model
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.audit.views import record_read
from accounts.models import AuditEvent
from accounts.requests import SignedInRequest
from appointment.models import IdempotencyKey
from appointment.models.idempotency import Answer

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

Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Handler:
    """Let a handler of a write honour the header; without it, it works as ever."""

    @wraps(handler)
    def once(view: Any, request: SignedInRequest, *args: Any, **kwargs: Any) -> Response:
        handle = partial(handler, view, request, *args, **kwargs)
        return _once(request, view.audited_model, handle)

    return extend_schema(parameters=PARAMETERS)(once)


def _once(
    request: SignedInRequest, audited_model: type[Model], handle: Callable[[], Response]
) -> Response:
    if HEADER not in request.headers:
        return handle()
    key, user = _key_of(request), request.user
    answer = IdempotencyKey.objects.answer(
        user, key, fingerprint_of(request), lambda: _stored(handle())
    )
    if answer.is_replay:
        record_read(audited_model, [answer.patient], "", role=AuditEvent.Role.PATIENT)
    return _response(answer)


def _key_of(request: Request) -> str:
    key: str = request.headers[HEADER]
    if not VISIBLE_ASCII.match(key):
        raise ValidationError({HEADER: "Use 1 to 255 visible characters of ASCII."})
    return key


def fingerprint_of(request: Request) -> str:
    """What makes a request the same: method, path and body as it was understood."""
    data = request.data
    body = dict(data.lists()) if hasattr(data, "lists") else data
    what = json.dumps([request.method, request.path, body], sort_keys=True, default=_digest)
    return hashlib.sha256(what.encode()).hexdigest()


def _digest(file: Any) -> str:
    """What stands for a file in a form: nobody asks for one, and anybody can send one."""
    return hashlib.sha256(file.read()).hexdigest()


def _stored(response: Response) -> Answer:
    """An answer as it is kept: rendered, so that it can be given again byte for byte."""
    data = response.data
    body = "" if data is None else JSONRenderer().render(data).decode()
    patient = (data or {}).get("patient") or {}
    return Answer(
        response.status_code, body, response.headers.get("Location", ""), patient.get("id")
    )


def _response(answer: Answer) -> Response:
    headers = {"Location": answer.location} if answer.location else {}
    if answer.is_replay:
        headers[REPLAYED] = "true"
    data = json.loads(answer.body) if answer.body else None
    return Response(data, answer.status, headers=headers)
