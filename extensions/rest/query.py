"""Query parameters of the API: each may be given once, and equal queries are checked once."""

from functools import lru_cache
from typing import Any, TypeVar

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.serializers import Serializer

LONGEST_KEPT = 200  # characters of a query; longer ones are checked each time

S = TypeVar("S", bound=Serializer[Any])


def refuse_repeated(request: HttpRequest) -> None:
    """Raise ValidationError, which names each parameter that the query has twice.

    Django would take the last value, a proxy or another framework the first: neither is what the
    client means. No parameter is documented as a list that repeats its name.
    """
    repeated = [name for name, values in request.GET.lists() if len(values) > 1]
    if repeated:
        fault = ErrorDetail(gettext("Give this once."), code="repeated")
        raise ValidationError({name: [fault] for name in repeated})


def validated_query(serializer: type[S], request: Request) -> S:
    """Return the serializer with the valid query of the request; raises ValidationError.

    The serializer may be one of an earlier call: it must depend on the query alone, and nobody
    changes its `validated_data`.
    """
    text, encoding = request.query_params.urlencode(), str(request.query_params.encoding)
    check = _check if len(text) <= LONGEST_KEPT else _check.__wrapped__
    found: S = check(serializer, text, encoding)
    return found


@lru_cache(maxsize=1_000)
def _check(serializer: type[Any], text: str, encoding: str) -> Any:
    checked = serializer(data=QueryDict(text, encoding=encoding))
    checked.is_valid(raise_exception=True)
    return checked
