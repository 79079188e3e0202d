"""The OpenAPI document: adds the problems that each operation can answer."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.permissions import SAFE_METHODS
from rest_framework.serializers import ModelSerializer

from config.problems import CODES, DETAILS, MEDIA_TYPE, ProblemSerializer
from doctor.serializers import SLOT

SENTENCES = {
    "authentication_failed": "Invalid token.",
    "validation_error": "Some fields are missing or wrong.",
    "throttled": "Request was throttled.",
}
SEVERAL = {
    400: ("validation_error", "parse_error"),
    401: ("not_authenticated", "authentication_failed"),
}
PAGING = ("page", "page_size", "cursor")
WALL_TIME = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"
NOT_BLANK = r"\S"
FAULT = {"field": "a_field", "code": "required", "detail": "This field is required."}
FURTHER_MEMBERS: dict[str, dict[str, Any]] = {
    "validation_error": {"detail": "Some fields are missing or wrong.", "errors": [FAULT]},
    "authentication_failed": {"detail": "Invalid token."},
    "slot_full": {"alternatives": [SLOT]},
    "place_available": {"alternatives": [SLOT]},
    "schedule_in_use": {"appointments": [12]},
    "hours_overlap": {"weekly_hours": [12]},
}


class WallTime(OpenApiSerializerFieldExtension):
    """The schema of a wall time; the format `time` (RFC 3339) would require an offset from UTC."""

    target_class = "rest_framework.fields.TimeField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": WALL_TIME}


class Schema(AutoSchema):
    """drf-spectacular's schema, with the problems of each operation and an example for each.

    A view lists the codes of its 409 answers in `conflicts`, and its other statuses in `problems`,
    both by method. The rest follows from the method, the path and the authentication.
    """

    def get_summary(self) -> str | None:
        """Return the first line of the description, for the lists of Swagger UI."""
        description: str = self.get_description() or ""
        return super().get_summary() or description.partition("\n")[0].rstrip(".") or None

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        if direction == "response":
            for status, codes in self._problems():
                bodies.setdefault(str(status), self._problem(status, codes))
        return dict(sorted(bodies.items()))

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        """Mark every member of a response as required; give texts that may not be blank a pattern.

        A text of white space only is blank, since REST framework trims it.
        """
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)
        for name, member in schema.get("properties", {}).items():
            field = serializer.fields.get(name)
            if member.get("minLength") and getattr(field, "trim_whitespace", False):
                member.setdefault("pattern", NOT_BLANK)
        if direction == "response" and isinstance(serializer, ModelSerializer):
            schema["required"] = sorted(schema["properties"])
        return schema

    def _get_parameters(self) -> list[dict[str, Any]]:
        """Allow empty values, as forms send them, for all parameters but those of pages."""
        described: list[dict[str, Any]] = super()._get_parameters()
        for parameter in described:
            if parameter["in"] == "query" and parameter["name"] not in PAGING:
                parameter["allowEmptyValue"] = True
        return described

    def _problems(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        conflicts: tuple[str, ...] = self._named_by_view("conflicts")
        if conflicts:
            yield 409, conflicts
        for status in sorted({*self._usual(), *self._named_by_view("problems")}):
            yield status, SEVERAL.get(status, (CODES[status],))

    def _usual(self) -> set[int]:
        """Return the statuses that follow from the method, the path and the authentication."""
        usual = {406, 429, 503}
        if self.method not in SAFE_METHODS:
            usual |= {400, 413, 415}
        if self._is_list_view():
            usual |= {400, 404}
        if "{" in self.path:
            usual.add(404)
        if any(self.get_auth()):
            usual.add(401)  # a wrong token is 401 also where none is needed
        if {} not in self.get_auth() and self.method not in SAFE_METHODS:
            usual.add(403)
        return usual

    def _named_by_view(self, what: str) -> tuple[Any, ...]:
        named: tuple[Any, ...] = getattr(self.view, what, {}).get(self.method.lower(), ())
        return named

    def get_auth(self) -> list[Any]:
        """Return the security schemes; `{}` is among them if the operation needs no login."""
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
            "detail": SENTENCES.get(code) or DETAILS.get(status, HTTPStatus(status).phrase),
            "instance": re.sub(r"{\w+}", "12", self.path),
            "code": code,
        }
        return {**example, **FURTHER_MEMBERS.get(code, {})}
