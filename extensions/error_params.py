"""The values in the sentence of an error, as data for clients that word errors themselves.

A limit is named by the code of its error, for Django's validators as for REST framework's fields:
`max_length` {"max_length": 500}.
"""

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise

# Names in the params of Django and REST framework: of a limit, and of what the client sent.
LIMIT_OF_DJANGO = ("limit_value", "max")
SENT = {"value", "show_value", "length", "pk", "pk_value", "choice", "input"}


class Code(str):
    """The code of an error that carries the params of the error.

    Conversions between errors of Django and of REST framework keep the code and lose the params.
    """

    params: dict[str, Any]

    def __new__(cls, code: str, **params: Any) -> "Code":
        made = super().__new__(cls, code)
        made.params = public_params(code, params)
        return made


def public_params(code: str | None, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the params, those of a Code included, as values that JSON can hold.

    Leaves out what the client sent: it may be a password, and clients write errors to logs.
    """
    found = dict(getattr(code, "params", {}))
    for name, value in (params or {}).items():
        if name not in SENT and (known := _as_json(value)) is not None:
            found[str(code) if name in LIMIT_OF_DJANGO else name] = known
    return found


def _as_json(value: Any) -> Any:
    """Return the value as JSON can hold it; None for any other, such as a model."""
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
