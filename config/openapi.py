"""The OpenAPI document: adds the problems that each operation can answer."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import is_patched_serializer
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework.permissions import SAFE_METHODS
from rest_framework.serializers import ModelSerializer

from config.problem_components import add_response, camel, enumerate_codes
from config.problems import CODES, ProblemSerializer

SEVERAL = {
    400: ("validation_error", "parse_error"),
    401: ("not_authenticated", "authentication_failed"),
}
PAGING = ("page", "page_size", "cursor")
WALL_TIME = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"
NOT_BLANK = r"\S"
NULL = {"type": "null"}
NAMED_NULL = {"$ref": "#/components/schemas/NullEnum"}


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
            self.resolve_serializer(ProblemSerializer(), direction)
            for status, codes in self._problems():
                bodies.setdefault(str(status), self._problem(status, codes))
        return dict(sorted(bodies.items()))

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        """Mark every member of a response as required; give texts that may not be blank a pattern.

        A text of white space only is blank, since REST framework trims it. A default stands only
        where a client that sends it changes nothing: not in a PATCH, not in a response. An empty
        one is left out, since some generators make a wrong value of it.
        """
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)
        for name, member in schema.get("properties", {}).items():
            field = serializer.fields.get(name)
            if member.get("minLength") and getattr(field, "trim_whitespace", False):
                member.setdefault("pattern", NOT_BLANK)
            if direction == "response" or is_patched_serializer(serializer, direction):
                member.pop("default", None)
            elif member.get("default", True) in ("", None):
                del member["default"]
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

    def _get_request_body(self, direction: Any = "request") -> dict[str, Any] | None:
        """Require a body that is one of several, and give it the examples of each of them."""
        body: dict[str, Any] | None = super()._get_request_body(direction)
        several = body and self.get_request_serializer()
        if not body or not isinstance(several, PolymorphicProxySerializer):
            return body
        for media_type, content in body["content"].items():
            content["examples"] = {}
            for each in several.serializers:
                content["examples"] |= self._get_examples(each(), direction, media_type)
        return {**body, "required": True}

    def _problems(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        conflicts: tuple[str, ...] = self._named_by_view("conflicts")
        if conflicts:
            yield 409, conflicts
        for status in sorted({*self._usual(), *self._named_by_view("problems")}):
            yield status, SEVERAL.get(status, (CODES[status],))

    def _usual(self) -> set[int]:
        """Return the statuses that follow from the method, the path and the authentication."""
        usual = {400, 406, 429, 503}
        if self.method not in SAFE_METHODS:
            usual |= {413, 415}
        if self._is_list_view():
            usual.add(404)
        if "{" in self.path:
            usual.add(404)
        if any(super().get_auth()):
            usual.add(401)  # a wrong token is 401 also where none is needed
        if not self._is_public() and self.method not in SAFE_METHODS:
            usual.add(403)
        return usual

    def _named_by_view(self, what: str) -> tuple[Any, ...]:
        named: tuple[Any, ...] = getattr(self.view, what, {}).get(self.method.lower(), ())
        return named

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Return the operation; `security` is empty, not absent, where no login has an effect."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        return operation and {"security": [], **operation}

    def get_auth(self) -> list[Any]:
        """Return the security schemes; none if the operation needs no login.

        Where it needs none and yet answers more to a caller with one, `{}` follows the schemes.
        """
        schemes = [scheme for scheme in super().get_auth() if scheme]
        if not self._is_public():
            return schemes
        return [*schemes, {}] if getattr(self.view, "login_is_optional", False) else []

    def _is_public(self) -> bool:
        named = getattr(self.view, "is_public", False) and self.method in SAFE_METHODS
        return named or {} in super().get_auth()

    def _problem(self, status: int, codes: tuple[str, ...]) -> dict[str, Any]:
        """Return a reference to the response; that of a conflict is named after the operation."""
        shared = SEVERAL.get(status, (CODES.get(status),)) == codes
        name = codes[0] if shared else f"{self.get_operation_id()}_conflict"
        return add_response(self.registry, camel(name), status, codes)


def complete(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Write null in OpenAPI 3.1's way, and list all error codes: a hook of drf-spectacular."""
    result["components"]["schemas"].pop("NullEnum", None)
    _replace(result, NAMED_NULL, NULL)
    enumerate_codes(result)
    return result


def _replace(node: Any, old: Any, new: Any) -> None:
    """Replace each value in the lists of the document that equals `old`."""
    if isinstance(node, dict):
        for value in node.values():
            _replace(value, old, new)
    elif isinstance(node, list):
        node[:] = [new if value == old else value for value in node]
        for value in node:
            _replace(value, old, new)
