"""All twelve callers send every method to every route, for own, another's and absent rows."""

import pytest

from tests.matrix.calls import cells_of, distinguishable
from tests.matrix.tables import api_lines, page_line
from tests.test_matrix import API, PAGES, calls, of_api, of_page, undrawn

pytestmark = pytest.mark.django_db

__all__ = ["calls", "undrawn"]  # fixtures


def test_each_caller_gets_the_listed_status_for_every_page(calls, undrawn, sampled, report) -> None:
    made = 0
    for route in sampled(sorted(PAGES)):
        answers = calls.of_route(route)
        found = cells_of(route, answers, of_page, PAGES[route])
        assert page_line(route, found) == page_line(route, PAGES[route])
        assert found == PAGES[route]
        assert list(distinguishable(answers, of_page)) == []
        made += len(answers)
    report(f"{made:,} calls, each answered as the table says")


def test_each_caller_gets_the_listed_status_from_the_whole_api(
    calls, undrawn, sampled, report
) -> None:
    made = 0
    for route in sampled(sorted(API)):
        answers = calls.of_route(route)
        assert api_lines(cells_of(route, answers, of_api, API[route])) == api_lines(API[route])
        assert list(distinguishable(answers, of_api)) == []
        made += len(answers)
    report(f"{made:,} calls, each answered as the table says")
