"""The OpenAPI document as a client reads it, made once, and its schemas of bodies."""

import json
from functools import cache
from typing import Any

from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

JSON = "application/json"


@cache
def document() -> dict[str, Any]:
    """Return the whole OpenAPI document as parsed JSON."""
    with GENERATOR_STATS.silence():
        generated: Any = SchemaGenerator().get_schema(request=None, public=True)
    found: dict[str, Any] = json.loads(json.dumps(generated))
    return found


def operation(method: str, route: str) -> dict[str, Any]:
    """Return the document's entry of one operation."""
    found: dict[str, Any] = document()["paths"][route][method.lower()]
    return found


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema behind a `$ref` or a union with null; any other schema as it is."""
    several = schema.get("oneOf") or schema.get("allOf") or schema.get("anyOf")
    if several:
        return resolved(next(one for one in several if one != {"type": "null"}))
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    return resolved(document()["components"]["schemas"][name])


def members(schema: dict[str, Any], path: str = "") -> list[str]:
    """Return the path of each member of such JSON: `results[].doctor.name`, `name?` if optional."""
    schema = resolved(schema)
    if "items" in schema:
        return members(schema["items"], f"{path}[]")
    inner = schema.get("properties")
    if not inner:
        return [path] if path else []
    prefix = f"{path}." if path else ""
    always = schema.get("required", ())
    names = {name: prefix + name + ("" if name in always else "?") for name in inner}
    return [found for name, one in inner.items() for found in members(one, names[name])]


def writable(method: str, route: str) -> dict[str, Any]:
    """Map each member that a body of this operation may have to its schema."""
    body = operation(method, route).get("requestBody", {}).get("content", {}).get(JSON)
    found: dict[str, Any] = resolved(body["schema"])["properties"] if body else {}
    return found
