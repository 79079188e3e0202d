"""Answers of the API against the OpenAPI document: the status, the media type and the body."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs

from config.problems import MEDIA_TYPE
from extensions.icalendar import MEDIA_TYPE as CALENDAR
from tests.calendars import broken_rules
from tests.document import document

DOCUMENT = "urn:document"
ANY_PROBLEM = f"{DOCUMENT}#/components/schemas/Problem"
UNDOCUMENTED = (405, 500)  # no operation promises them: a method that has none, and a mistake
FRACTION = re.compile(rb'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d')  # of a second


def faults(method: str, route: str, response: Any) -> Iterator[str]:
    """Yield how the response differs from what the document says of the operation.

    A body is valid by its schema, formats included. No instant in it has a fraction of a second.
    """
    operation = document()["paths"].get(route, {}).get(method.lower())
    kind, body = media_type(response), content(response)
    if FRACTION.search(body):
        yield "an instant with a fraction of a second"
    if operation is None or response.status_code in UNDOCUMENTED:
        yield from invalid(ANY_PROBLEM, body) if body and kind == MEDIA_TYPE else ()
        return
    documented = operation["responses"].get(str(response.status_code))
    if documented is None:
        yield f"undocumented status {response.status_code}"
    elif kind == CALENDAR and kind in documented.get("content", {}):
        yield from broken_rules(body)
    elif kind in documented.get("content", {}):
        place = f"{escaped(route)}/{method.lower()}/responses/{response.status_code}"
        pointer = f"#/paths/{place}/content/{escaped(kind)}/schema"
        yield from invalid(DOCUMENT + pointer, body)
    elif body or documented.get("content"):
        yield f"undocumented media type {kind!r}"


def media_type(response: Any) -> str:
    """Return the media type of the body, without its parameters."""
    return str(response.get("Content-Type", "")).partition(";")[0]


def content(response: Any) -> bytes:
    """Return the body, also of a response that streams it."""
    body: bytes = response.getvalue() if response.streaming else response.content
    return body


def invalid(schema: str, body: bytes) -> Iterator[str]:
    """Yield what is wrong with the JSON body by the schema at this address."""
    for error in validator(schema).iter_errors(json.loads(body)):
        yield f"{'.'.join(map(str, error.instance_path))}: {error.message}"[:300]


@cache
def validator(schema: str) -> Any:
    """Return the validator of the schema at this address of the document."""
    return jsonschema_rs.Draft202012Validator(
        {"$ref": schema}, registry=registry(), validate_formats=True
    )


@cache
def registry() -> Any:
    """Return the document, in which references are looked up."""
    return jsonschema_rs.Registry([(DOCUMENT, document())])


def escaped(name: str) -> str:
    """Return the name as a part of a JSON pointer in a URL."""
    return name.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
