"""Answers that clients keep, and revalidate by their ETag."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Protocol

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_304_NOT_MODIFIED

# Values of Cache-Control.
REVALIDATE = "no-cache"  # keep the answer, and ask each time whether it still holds
PRIVATE_REVALIDATE = "private, no-cache"  # the same, but only the client itself keeps it
PRIVATE_MINUTES = "private, max-age=300"  # the client itself keeps it, and asks in five minutes
KEPT_BY_CLIENTS = (REVALIDATE, PRIVATE_REVALIDATE, PRIVATE_MINUTES)

# For the OpenAPI document of an operation that answers with `answer_if_changed`.
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    location=OpenApiParameter.HEADER,
    description="ETags of answers that the client has, or *.",
)
ETAG = OpenApiParameter(
    "ETag",
    location=OpenApiParameter.HEADER,
    response=[200, 304],
    description="Of the list as it is now: the same tag is the same list.",
)
NOT_MODIFIED = OpenApiResponse(
    description="The client has the list as it is: its ETag is in If-None-Match. No body."
)


def etag_of(*state: object) -> str:
    """Return a weak ETag (RFC 9110, section 8.8.3) of all that decides what an answer says.

    Weak, since the same answer may have other bytes: a renderer or a proxy may write it otherwise.
    """
    return f'W/"{sha256(repr(state).encode()).hexdigest()[:32]}"'


class Listed(Protocol):
    """Rows that can tell whether they are still the same before they are made."""

    def state(self) -> tuple[Any, ...]:
        """Return all on which the rows depend: while it is the same, so are the rows."""

    def to_list(self) -> list[dict[str, Any]]:
        """Return the rows."""


def answer_if_changed(
    request: Request, answer: dict[str, Any], listed: Listed, *, public: bool = True
) -> Response:
    """Return the answer with the rows as its `results`, and with an ETag.

    304 to a client that has it. `public`: everybody gets the same. Any other answer has no ETag;
    nor has a page of the browsable API, which shows who is signed in.
    """
    headers = {}
    if public and request.accepted_renderer.format == "json":
        etag = etag_of(answer, listed.state())
        headers = {"ETag": etag, "Cache-Control": REVALIDATE}
        if _has(request, etag):
            return Response(status=HTTP_304_NOT_MODIFIED, headers=headers)
    return Response({**answer, "results": listed.to_list()}, headers=headers)


def file_if_changed(
    request: Request, etag: str, content: Callable[[], bytes], headers: dict[str, str]
) -> Response:
    """Return the file with its ETag and these headers; 304 to a client that has it."""
    headers = {"ETag": etag, **headers}
    if _has(request, etag):
        kept = {name: value for name, value in headers.items() if name != "Content-Disposition"}
        return Response(status=HTTP_304_NOT_MODIFIED, headers=kept)
    return Response(content(), headers=headers)


def _has(request: Request, etag: str) -> bool:
    """Whether If-None-Match names the ETag, by weak comparison (RFC 9110, section 13.1.2)."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or etag.removeprefix("W/") in {each.removeprefix("W/") for each in known}
