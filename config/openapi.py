"""The OpenAPI document: what every operation can answer besides the good news."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.permissions import SAFE_METHODS

from config.problems import CODES, DETAILS, MEDIA_TYPE, ProblemSerializer


class Schema(AutoSchema):
    """drf-spectacular's, with the problems that an operation can answer, an example for each.

    A view names its own 409s in `conflicts`, by method; `is_public` and the path tell the rest.
    """

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        if direction == "response":
            for status, codes in self._problems():
                bodies.setdefault(str(status), self._problem(status, codes))
        return dict(sorted(bodies.items()))

    def _problems(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        writes, conflicts = self.method not in SAFE_METHODS, self._conflicts()
        if writes or self._is_list_view():
            yield 400, ("validation_error", "parse_error") if writes else ("validation_error",)
        if self._needs_login():
            yield 401, ("not_authenticated", "authentication_failed")
        if writes and self._needs_login():
            yield 403, ("permission_denied",)
        if "{" in self.path or self._is_list_view() or getattr(self.view, "may_be_absent", False):
            yield 404, ("not_found",)
        if conflicts:
            yield 409, conflicts
        yield 406, ("not_acceptable",)
        if writes:
            yield from ((status, (CODES[status],)) for status in (413, 415))
        yield from ((status, (CODES[status],)) for status in (429, 503))

    def _conflicts(self) -> tuple[str, ...]:
        return getattr(self.view, "conflicts", {}).get(self.method.lower(), ())

    def _needs_login(self) -> bool:
        """Whether a caller with no token is refused."""
        return {} not in self.get_auth()

    def get_auth(self) -> list[Any]:
        """The schemes that serve, `{}` among them where a caller needs none."""
        schemes = super().get_auth()
        public = getattr(self.view, "is_public", False) and self.method in SAFE_METHODS
        return [*schemes, {}] if public and {} not in schemes else schemes

    def _problem(self, status: int, codes: tuple[str, ...]) -> dict[str, Any]:
        title = HTTPStatus(status).phrase
        examples = [OpenApiExample(code, self._example(status, code)) for code in codes]
        answer = OpenApiResponse(ProblemSerializer, f"{title}: {', '.join(codes)}", examples)
        body: dict[str, Any] = self._get_response_for_code(answer, str(status), [MEDIA_TYPE])
        if status in (429, 503):
            seconds = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
            body["headers"] = {"Retry-After": seconds}
        return body

    def _example(self, status: int, code: str) -> dict[str, Any]:
        example: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": DETAILS.get(status, HTTPStatus(status).phrase),
            "instance": self.path.replace("{id}", "12"),
            "code": code,
        }
        if code == "validation_error":
            fault = {"field": "a_field", "code": "required", "detail": "This field is required."}
            example["errors"] = [fault]
        return example
