"""The problems in the OpenAPI document: a schema, an example and a response for each code."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent

from config.problems import CODES, DETAILS, MEDIA_TYPE
from doctor.serializers import FOUND_SLOT

PROBLEM = ("Problem", ResolvedComponent.SCHEMA)  # key in the registry of components
SENTENCES = {
    "authentication_failed": "Invalid token.",
    "validation_error": "Some fields are missing or wrong.",
    "throttled": "Request was throttled.",
}
FAULT = {"field": "a_field", "code": "required", "detail": "This field is required.", "params": {}}
FURTHER_MEMBERS: dict[str, dict[str, Any]] = {
    "validation_error": {"errors": [FAULT]},
    "slot_full": {"alternatives": [FOUND_SLOT]},
    "place_available": {"alternatives": [FOUND_SLOT]},
    "schedule_in_use": {"appointments": [12]},
    "hours_overlap": {"weekly_hours": [12]},
}
RETRY_AFTER = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
}


def add_response(
    registry: ComponentRegistry, name: str, status: int, codes: tuple[str, ...]
) -> dict[str, Any]:
    """Add the response with one of these codes to the components; return the reference to it.

    `code` tells the schemas apart: where there are several, it is their discriminator.
    """
    schemas = {code: _add_schema(registry, code) for code in codes}
    schema: dict[str, Any] = schemas[codes[0]]
    if len(codes) > 1:
        mapping = {code: ref["$ref"] for code, ref in schemas.items()}
        schema = {
            "oneOf": list(schemas.values()),
            "discriminator": {"propertyName": "code", "mapping": mapping},
        }
    examples = {code: _add_example(registry, status, code) for code in codes}
    response: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(codes)}",
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }
    if status in (429, 503):
        response["headers"] = RETRY_AFTER
    return _add(registry, ResolvedComponent.RESPONSE, name, response)


def enumerate_codes(document: dict[str, Any]) -> None:
    """Give `code` of the schema Problem the list of all codes: of operations, and of any path."""
    schemas = document["components"]["schemas"]
    named = {example["value"]["code"] for example in document["components"]["examples"].values()}
    schemas["Problem"]["properties"]["code"]["enum"] = sorted(named | set(CODES.values()))


def camel(text: str) -> str:
    """Return snake_case as CamelCase, for the name of a component."""
    return "".join(word.capitalize() for word in text.split("_"))


def _add_schema(registry: ComponentRegistry, code: str) -> dict[str, Any]:
    """Add the schema of the problem with this code: a Problem with what comes with the code.

    It stands alone: generators of clients fail to merge it with Problem by `allOf`.
    """
    problem: dict[str, Any] = registry[PROBLEM].schema
    required = [*problem["required"], *FURTHER_MEMBERS.get(code, ())]
    properties = {name: problem["properties"][name] for name in required}
    properties["code"] = {"type": "string", "const": code}
    schema = {"type": "object", "properties": properties, "required": required}
    return _add(registry, ResolvedComponent.SCHEMA, f"{camel(code)}Problem", schema)


def _add_example(registry: ComponentRegistry, status: int, code: str) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    value = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": SENTENCES.get(code) or str(DETAILS.get(status, title)),
        "instance": "/api/appointment/book/12/",
        "code": code,
        **FURTHER_MEMBERS.get(code, {}),
    }
    return _add(registry, ResolvedComponent.EXAMPLE, camel(code), {"value": value})


def _add(registry: ComponentRegistry, kind: str, name: str, content: Any) -> dict[str, Any]:
    component = ResolvedComponent(name, kind, content, object=name)
    registry.register_on_missing(component)
    reference: dict[str, Any] = component.ref
    return reference
