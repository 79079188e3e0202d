"""A JSON parser that refuses what could not be stored or answered."""

import codecs
import json
import math
from typing import Any

from django.utils.translation import gettext
from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.utils import json as strict_json


def finite_float(text: str) -> float:
    """Parse a number; raises ValueError for one beyond the range of a double."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("number out of range")
    return value


def unique_members(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of a JSON object as a dict; raises ValueError for a name given twice.

    Parsers differ on which of the two values counts.
    """
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("a name is given twice")
    return found


class JSONParser(parsers.JSONParser):
    """REST framework's strict parser, which also answers 400 where that one would end in a 500.

    A lone surrogate parses, and then fails when the database or the response encodes it. Nesting
    too deep for the stack raises RecursionError.
    """

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the parsed body; raises ParseError, whose message quotes nothing of it."""
        encoding = (parser_context or {}).get("encoding", "utf-8")
        try:
            if codecs.lookup(encoding).name == "utf-8":
                encoding = "utf-8-sig"  # RFC 8259, section 8.1: a byte order mark may be ignored
            text = stream.read().decode(encoding)  # LookupError for a codec that is not one of text
            data = strict_json.loads(
                text, parse_float=finite_float, object_pairs_hook=unique_members
            )
            json.dumps(data, ensure_ascii=False).encode()
        except (ValueError, LookupError, RecursionError) as error:
            raise ParseError(gettext("The body is not JSON that can be read.")) from error
        return data
