"""What the sentence of an error names, as data: for clients that word errors themselves.

A limit has the name that is also the code of the error, in Django's validators as in REST
framework's fields: `max_length` {"max_length": 500}.
"""

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise

# How Django's validators name a limit, and what a client sent.
LIMIT_OF_DJANGO = ("limit_value", "max")
SENT = {"value", "show_value", "length", "pk", "pk_value", "choice", "input"}


class Code(str):
    """The code of an error together with its params; where only a code is kept, they stay with it.

    Django and REST framework turn errors into one another, and keep the code of each alone.
    """

    params: dict[str, Any]

    def __new__(cls, code: str, **params: Any) -> "Code":
        made = super().__new__(cls, code)
        made.params = public_params(code, params)
        return made


def public_params(code: str | None, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the params as JSON holds them; those of a Code come along.

    Never what the client sent: it may be a password, and logs of clients keep errors.
    """
    found = dict(getattr(code, "params", {}))
    for name, value in (params or {}).items():
        if name not in SENT and (known := _as_json(value)) is not None:
            found[str(code) if name in LIMIT_OF_DJANGO else name] = known
    return found


def _as_json(value: Any) -> Any:
    """Return the value as JSON holds it; None for what it does not hold, such as a model."""
    if callable(value):
        value = value()
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | Promise):
        return str(value)
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    return None
