"""Schemathesis makes thousands of calls, alone and in sequences, and all of its checks hold."""

import logging
from collections.abc import Iterator

import pytest

from tests.generated import check_operation, check_sequences, document
from tests.routes import api_routes

pytestmark = pytest.mark.django_db


CALLS = [(method, route) for route, methods in api_routes().items() for method in sorted(methods)]


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    """Log none of the thousands of refusals."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_no_generated_call_contradicts_the_document(sized, sampled, report) -> None:
    calls = 0
    with document() as schema:
        for method, route in sampled(CALLS):
            made = check_operation(schema, method, route, sized(50))
            calls += made
            report(f"{method} {route}: {made:,} calls")
        calls += check_sequences(schema, sized(200), steps=15)
    report(f"{calls:,} calls, and no check that failed")
