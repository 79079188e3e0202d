"""Query parameters of the API: each may be given once."""

from django.http import HttpRequest
from rest_framework.exceptions import ErrorDetail, ValidationError


def refuse_repeated(request: HttpRequest) -> None:
    """Raise ValidationError, which names each parameter that the query has twice.

    Django would take the last value, a proxy or another framework the first: neither is what the
    client means. No parameter is documented as a list that repeats its name.
    """
    repeated = [name for name, values in request.GET.lists() if len(values) > 1]
    if repeated:
        fault = ErrorDetail("Give this once.", code="repeated")
        raise ValidationError({name: [fault] for name in repeated})
