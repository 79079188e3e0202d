"""Schemathesis generates calls and sequences of calls, and checks each against the document."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.generated import check_operation, check_sequences, document
from tests.routes import api_routes

pytestmark = pytest.mark.django_db

CALLS = [(method, route) for route, methods in api_routes().items() for method in sorted(methods)]


@pytest.fixture(scope="module")
def schema(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """Yield schemathesis's schema of the OpenAPI document, whose calls a superuser makes."""
    logging.disable(logging.CRITICAL)
    with django_db_blocker.unblock(), document() as found:
        yield found
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("method", "route"), CALLS)
def test_no_generated_call_contradicts_the_document(method: str, route: str, schema: Any) -> None:
    """The test tries examples and random values. The drill adds boundary values of every member."""
    assert check_operation(schema, method, route, examples=4, edges=False) > 2


def test_no_sequence_of_calls_contradicts_the_document(schema: Any) -> None:
    assert check_sequences(schema, sequences=10, steps=6) > 20
