"""One call of every endpoint and of every page on SQLite; the others are made on PostgreSQL."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.matrix.callers import WHOSE, Cast
from tests.matrix.calls import Calls
from tests.matrix.tables import pages_table
from tests.routes import api_routes
from tests.test_matrix import of_page
from tests.world import World, call, undone

pytestmark = [pytest.mark.django_db, pytest.mark.only_on("sqlite")]

PAGES = pages_table()
CALLS = [(method, route) for route, methods in api_routes().items() for method in sorted(methods)]


@pytest.fixture(scope="module")
def calls(django_db_setup: None, django_db_blocker: Any) -> Iterator[Calls]:
    """The callers of the matrix, ready to call."""
    with django_db_blocker.unblock(), undone():
        yield Calls(Cast())


@pytest.mark.parametrize(("method", "route"), CALLS)
def test_an_endpoint_answers_who_may_call_it(method: str, route: str, world: World) -> None:
    client, path = world.client_for(method, route), world.path(route)
    answer = call(client, method, path, world.body(method, route))
    assert answer.status_code < 300, answer.content


@pytest.mark.parametrize("route", PAGES)
def test_a_page_answers_a_superuser(route: str, calls: Calls) -> None:
    expected = PAGES[route]["GET", "superuser"].split("/")[WHOSE.index("own")]
    assert of_page(calls.get(route, "superuser")) == expected
