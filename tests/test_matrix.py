"""Every route, method and caller against the reviewed permission tables in tests/matrix/."""

import json
import logging
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from django.template.response import SimpleTemplateResponse

from tests.answers import faults
from tests.matrix.callers import CALLERS, SEE_ALL, SHUT_OUT, SITE_STAFF, STAFF, WHOSE, Callers
from tests.matrix.calls import Answer, Calls, cells_of, distinguishable, is_keyed
from tests.matrix.tables import METHODS, WRITING, api_lines, api_table, page_line, pages_table
from tests.problems import MEDIA_TYPE
from tests.routes import DOCUMENTS, api_routes, routes
from tests.sample_data import rolled_back

pytestmark = pytest.mark.django_db

API = api_table()
PAGES = pages_table()
PERSONAL = ("/api/patient/", "/api/appointment/", "/api/auth/")
CODES = {
    400: ("validation_error",),
    401: ("not_authenticated", "authentication_failed"),
    403: ("permission_denied",),
    404: ("not_found",),
    405: ("method_not_allowed",),
    409: ("profile_exists",),
}
NOT_PERSONAL = ("/api/appointment/book/{doctor_id}/",)  # names a doctor, not something personal


@pytest.fixture(scope="module")
def calls(django_db_setup: None, django_db_blocker: Any) -> Iterator[Calls]:
    """Yield a client that calls as each of the twelve callers. Its many refusals are not logged."""
    logging.disable(logging.WARNING)
    with django_db_blocker.unblock(), rolled_back():
        yield Calls(Callers())
    logging.disable(logging.NOTSET)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip rendering pages, which tests/test_admin_site.py renders: access is decided before."""
    monkeypatch.setattr(SimpleTemplateResponse, "rendered_content", "")


def test_the_tables_name_exactly_the_routes() -> None:
    assert sorted([*API, *PAGES]) == sorted(routes())
    assert not [route for route in PAGES if route.startswith("/api/")]


def test_the_tables_name_exactly_the_methods_and_callers() -> None:
    everything = {(method, caller) for method in METHODS for caller in CALLERS}
    for route, cells in {**API, **PAGES}.items():
        assert set(cells) == everything, route
        widths = {len(entry.split("/")) for entry in cells.values()}
        assert widths <= ({1, len(WHOSE)} if is_keyed(route) else {1}), route


@pytest.mark.parametrize("route", API)
def test_each_caller_gets_the_listed_status_from_the_api(
    route: str, calls: Calls, request: pytest.FixtureRequest
) -> None:
    """The test asks ten callers. `make drill` asks all twelve by every method."""
    if route in DOCUMENTS:
        request.getfixturevalue("undrawn")
    answers = calls.of_api(route)
    found = cells_of(route, answers, of_api, API[route])
    assert api_lines(API[route] | found) == api_lines(API[route])
    assert list(distinguishable(answers, of_api)) == []


@pytest.mark.parametrize("route", sorted(set(API) - set(DOCUMENTS)))
def test_each_answer_to_each_caller_is_as_the_document_says(route: str, calls: Calls) -> None:
    """Good answers and problems alike; the answer to HEAD has no body and no operation."""
    answers = calls.of_api(route)
    found = {
        (method, answer.status, fault)
        for (method, *_), answer in answers.items()
        for fault in faults(method, route, answer.response)
    }
    assert found == set()


@pytest.mark.parametrize("route", PAGES)
def test_each_caller_gets_the_listed_status_for_a_page(
    route: str, calls: Calls, undrawn: None
) -> None:
    """The test asks one caller of each kind. `make drill` asks all twelve by every method."""
    answers = calls.of_page(route)
    found = cells_of(route, answers, of_page, PAGES[route])
    assert page_line(route, PAGES[route] | found) == page_line(route, PAGES[route])
    assert found == {place: PAGES[route][place] for place in found}
    assert list(distinguishable(answers, of_page)) == []


@pytest.mark.parametrize("caller", SHUT_OUT)
def test_a_session_that_has_ended_opens_no_page(caller: str, calls: Calls, undrawn: None) -> None:
    """The session is read in one place, for all pages. `make drill` asks for each of them."""
    for route in ("/admin/", "/admin/desk/", "/admin/patient/patient/"):
        assert PAGES[route]["GET", caller] == "login"
        assert of_page(calls.get(route, caller)) == "login"


def of_api(answer: Answer) -> str:
    """Return the status. An error must be a problem with a code that CODES has for the status."""
    if answer.status >= 400:
        assert answer.response["Content-Type"] == MEDIA_TYPE
        assert json.loads(answer.response.content)["code"] in CODES[answer.status]
    return str(answer.status)


def of_page(answer: Answer) -> str:
    """Return the status or the target of a redirect: `login`, or `index` for an absent row."""
    where = answer.response.headers.get("Location", "")
    if where.startswith("/admin/login/?next="):
        return "login"
    return "index" if where == "/admin/" else str(answer.status)


# --- Rules for the tables -------------------------------------------------------------------------


def lets_in(entry: str) -> bool:
    """Return whether any of a cell's answers is a success."""
    return any(status.startswith("2") for status in entry.split("/"))


def test_another_patients_row_looks_absent_to_everybody_but_staff() -> None:
    for route, cells in API.items():
        if is_keyed(route) and route.startswith(PERSONAL) and route not in NOT_PERSONAL:
            for (method, caller), entry in cells.items():
                _, other, absent = entry.split("/") if "/" in entry else [entry] * 3
                assert caller in SEE_ALL or other == absent, (route, method, caller)


def test_what_staff_write_at_another_site_looks_absent() -> None:
    for route, method, caller in product(filter(is_keyed, API), WRITING, SITE_STAFF):
        own, other, absent = (API[route][method, caller].split("/") * 3)[:3]
        if route not in NOT_PERSONAL:
            assert other == absent, (route, method, caller)
            assert caller == "staff here" or own == absent, (route, method, caller)


def test_an_expired_login_opens_nothing() -> None:
    for cells in API.values():
        open_to = {caller for (_, caller), entry in cells.items() if lets_in(entry)}
        public = "anonymous" in open_to
        assert public or not open_to & {"expired", "deactivated"}


def test_only_staff_open_a_page_of_the_admin() -> None:
    front_door = ("/admin/login/", "/admin/logout/")
    for route, cells in PAGES.items():
        if route.startswith("/admin/") and route not in front_door:
            open_to = {caller for (_, caller), entry in cells.items() if lets_in(entry)}
            assert open_to <= set(STAFF), route


def test_exactly_the_supported_methods_admit_some_caller() -> None:
    for route, methods in api_routes().items():
        open_to = {method for (method, _), entry in API[route].items() if lets_in(entry)}
        assert open_to - {"HEAD", "OPTIONS"} == methods, route
