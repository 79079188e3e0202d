"""The OpenAPI document as a client reads it, made once, and its schemas of bodies."""

import json
from functools import cache
from typing import Any

from config.document_view import built

JSON = "application/json"


@cache
def document() -> dict[str, Any]:
    """Return the whole OpenAPI document as parsed JSON, with each response and example in place.

    References to schemas stay.
    """
    found: dict[str, Any] = json.loads(json.dumps(built()))
    placed: dict[str, Any] = put_in_place(found, found["components"])
    return placed


def put_in_place(node: Any, components: dict[str, Any]) -> Any:
    """Return the node with every reference to a response or an example replaced by its content."""
    if isinstance(node, list):
        return [put_in_place(each, components) for each in node]
    if not isinstance(node, dict):
        return node
    _, _, kind, name = (node.get("$ref") or "///").split("/")
    if kind in {"responses", "examples"}:
        return put_in_place(components[kind][name], components)
    return {key: put_in_place(value, components) for key, value in node.items()}


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
    found: dict[str, Any] = {}
    for schema in alternatives(body["schema"]) if body else ():
        found |= resolved(schema)["properties"]
    return found


def alternatives(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the schemas of which a body has one; most bodies have only one."""
    name = schema["$ref"].rpartition("/")[2]
    several: list[dict[str, Any]] = document()["components"]["schemas"][name].get("oneOf")
    return several or [schema]
