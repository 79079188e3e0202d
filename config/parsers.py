"""JSON from strangers: whatever cannot be stored or answered is refused while it is read."""

import json
import math
from typing import Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.utils import json as strict_json


def finite(text: str) -> float:
    """A float of JSON; raises ValueError for one beyond what a double can hold."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("number out of range")
    return value


def unambiguous(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; raises ValueError for a name given twice: readers differ on who wins."""
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("a name is given twice")
    return found


class JSONParser(parsers.JSONParser):
    """DRF's strict parser, with clear answers to depth, huge numbers, broken Unicode and the like.

    A lone surrogate parses, and then breaks whatever encodes it: the database, or the answer that
    names it. Depth that exhausts the stack is the caller's fault, not the server's.
    """

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The document; raises ParseError without echoing any of it."""
        encoding = (parser_context or {}).get("encoding", "utf-8")
        try:
            text = stream.read().decode(encoding)  # refuses the codecs that are not of text
            data = strict_json.loads(text, parse_float=finite, object_pairs_hook=unambiguous)
            json.dumps(data, ensure_ascii=False).encode()
        except (ValueError, LookupError, RecursionError) as error:
            raise ParseError("The body is not JSON that can be read.") from error
        return data
