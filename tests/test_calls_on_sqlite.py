"""One call of every endpoint and page on SQLite, since most other tests run on PostgreSQL."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.matrix.callers import WHOSE, Callers
from tests.matrix.calls import Calls
from tests.matrix.tables import pages_table
from tests.routes import api_routes
from tests.sample_data import SampleData, call, rolled_back
from tests.test_matrix import of_page

pytestmark = [pytest.mark.django_db, pytest.mark.only_on("sqlite")]

PAGES = pages_table()
CALLS = [(method, route) for route, methods in api_routes().items() for method in sorted(methods)]


@pytest.fixture(scope="module")
def calls(django_db_setup: None, django_db_blocker: Any) -> Iterator[Calls]:
    """Yield the client of tests/matrix/, which calls pages as one of its twelve callers."""
    with django_db_blocker.unblock(), rolled_back():
        yield Calls(Callers())


@pytest.mark.parametrize(("method", "route"), CALLS)
def test_an_endpoint_answers_who_may_call_it(
    method: str, route: str, sample_data: SampleData
) -> None:
    client, path = sample_data.client_for(method, route), sample_data.path(route)
    answer = call(client, method, path, sample_data.body(method, route))
    assert answer.status_code < 300, answer.content


@pytest.mark.parametrize("route", PAGES)
def test_a_page_answers_a_superuser(route: str, calls: Calls) -> None:
    expected = PAGES[route]["GET", "superuser"].split("/")[WHOSE.index("own")]
    assert of_page(calls.get(route, "superuser")) == expected
