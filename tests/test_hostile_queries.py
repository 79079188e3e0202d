"""A hostile query string gets a good page or a clear problem, and never a 5xx.

On SQLite too: values that reach a statement, such as dates at the ends of the calendar, keys of
more than 64 bits, and searches. What the parser or a filter's form refuses never reaches one.
"""

import json
from itertools import product
from typing import Any

import pytest
from rest_framework.test import APIClient

from patient.tests.factories import MedicalHistoryFactory
from tests.document import document
from tests.matrix.rows import stored
from tests.problems import assert_invalid, assert_problem
from tests.routes import api_routes
from tests.sample_data import SampleData

pytestmark = pytest.mark.django_db

READING = [route for route, methods in api_routes().items() if "GET" in methods]
LISTS = [
    "/api/doctor/doctors/",
    "/api/doctor/specialties/",
    "/api/doctor/languages/",
    "/api/doctor/locations/",
    "/api/doctor/schedules/",
    "/api/doctor/weekly-hours/",
    "/api/doctor/time-off/",
    "/api/appointment/rebooking/",
    "/api/doctor/by-specialty/{specialty_id}/",
    "/api/patient/dependents/",
    "/api/patient/medical-history/",
    "/api/appointment/my-appointments/",
]
SLOTS = "/api/doctor/doctors/{doctor_id}/available-slots/"
SEARCH = "/api/doctor/slots/"
SCHEDULES = "/api/doctor/schedules/"
WEEKLY_HOURS = "/api/doctor/weekly-hours/"
TIME_OFF = "/api/doctor/time-off/"
MINE = "/api/appointment/my-appointments/"
DATED = (SLOTS, SEARCH, SCHEDULES, TIME_OFF, MINE)
DATES = [(route, name) for route in DATED for name in ("from", "to")]
KEYS = [
    ("/api/doctor/doctors/", "specialty"),
    ("/api/doctor/doctors/", "language"),
    ("/api/doctor/doctors/", "location"),
    (SCHEDULES, "doctor"),
    (SCHEDULES, "location"),
    (WEEKLY_HOURS, "doctor"),
    (WEEKLY_HOURS, "location"),
    (TIME_OFF, "doctor"),
    (TIME_OFF, "location"),
    (SLOTS, "location"),
    *((SEARCH, name) for name in ("specialty", "language", "doctor", "location")),
    (MINE, "patient"),
]
ABSENT = (-1, 0, 10**9, 2**63 - 1, 2**63, 10**22, -(10**22))
HISTORY = ("/api/patient/medical-history/", "patient")  # 404 for an absent patient, no empty list
CHOICES = [
    (SLOTS, "explain"),
    (SEARCH, "cursor"),
    ("/api/patient/medical-history/", "kind"),
    ("/api/patient/medical-history/", "status"),
    (MINE, "status"),
    (MINE, "upcoming"),
    (MINE, "ordering"),
    ("/api/doctor/doctors/", "ordering"),
]
HOSTILE = [
    "junk", "\0", "1\0", "-1", "0", "1.5", "1e400", "true", "null", "NaN", "\u0661", "\u202e",
    " ", "", str(10**22), str(-(10**22)), "9" * 5000, "0001-01-01", "9999-12-31", "0000-00-00",
    "20260101", "+10000-01-01", "'; DROP TABLE doctor_slot; --", "%", "a" * 5000,
]  # fmt: skip


@pytest.fixture
def client(sample_data: SampleData, request: pytest.FixtureRequest) -> APIClient:
    """Return a client of a person who may read the test's parameter `route`."""
    route = getattr(request.node, "callspec", None) and request.node.callspec.params.get("route")
    return sample_data.client_for("GET", route or "")


def answered(client: APIClient, path: str, **query: object) -> Any:
    """Return the response, which must be 200 or the problem of an invalid or absent value."""
    answer = client.get(path, query_params={name: str(value) for name, value in query.items()})
    if answer.status_code != 200:
        codes = {400: "validation_error", 404: "not_found"}
        assert_problem(answer, answer.status_code, codes[answer.status_code])
    return answer


# --- Query strings --------------------------------------------------------------------------------


def parameters_of(route: str) -> dict[str, str]:
    """Map each query parameter of a GET to its name and schema as JSON."""
    described = document()["paths"][route]["get"].get("parameters", ())
    return {
        parameter["name"]: json.dumps([parameter["name"], parameter["schema"]], sort_keys=True)
        for parameter in described
        if parameter["in"] == "query"
    }


@pytest.mark.both_databases
def test_no_value_of_a_parameter_causes_a_server_error(sample_data: SampleData) -> None:
    """Try each name and schema at one route, since the same code reads it at the others."""
    tried: set[str] = set()
    for route in READING:
        client, path = sample_data.client_for("GET", route), sample_data.path(route)
        for name, described in parameters_of(route).items():
            for value in HOSTILE if described not in tried else ():
                answered(client, path, **{name: value})
            tried.add(described)


@pytest.mark.parametrize("route", READING)
def test_no_known_or_unknown_parameter_causes_a_server_error(
    route: str, sample_data: SampleData, client
) -> None:
    names = parameters_of(route).keys() | {"search", "ordering", "page", "unknown", "a\0b"}
    for value in ("\0", str(10**22)):
        for name in names:
            answered(client, sample_data.path(route), **{name: value})


@pytest.mark.parametrize("route", READING)
def test_an_undecodable_query_string_causes_no_server_error(
    route: str, sample_data: SampleData, client
) -> None:
    for query in ("%00", "%ff=%ff", "page=%ED%A0%80", "&&&==="):
        answer = client.generic("GET", sample_data.path(route), QUERY_STRING=query)
        assert answer.status_code in (200, 400), query
    answer = client.generic("GET", sample_data.path(route), QUERY_STRING="a=1&" * 10_001)
    assert_problem(answer, 400, "parse_error")


@pytest.mark.parametrize("route", READING)
def test_a_parameter_given_twice_is_400(route: str, sample_data: SampleData, client) -> None:
    for name in {*parameters_of(route), "unknown"}:
        twice = client.get(f"{sample_data.path(route)}?{name}=1&a=1&{name}=1")
        assert assert_invalid(twice, name) == {name: "repeated"}


@pytest.mark.parametrize(
    ("method", "route", "query"),
    [
        ("POST", TIME_OFF, "preview=true&preview=false"),
        ("PATCH", f"{WEEKLY_HOURS}{{id}}/", "keep=true&keep=true"),
        ("DELETE", f"{WEEKLY_HOURS}{{id}}/", "keep=false&keep=true"),
    ],
)
def test_a_write_with_a_parameter_given_twice_is_400_and_writes_nothing(
    method: str, route: str, query: str, sample_data: SampleData
) -> None:
    client, before = sample_data.client_for(method, route), stored()
    body = sample_data.body(method, route)
    twice = client.generic(method, f"{sample_data.path(route)}?{query}", json.dumps(body))
    assert_invalid(twice, query.partition("=")[0])
    assert stored() == before


@pytest.mark.parametrize(
    ("route", "name"), [*product(LISTS, ("page", "page_size")), (SEARCH, "page_size")]
)
def test_a_page_that_is_no_positive_number_is_400(
    route: str, name: str, sample_data: SampleData, client
) -> None:
    every = ("0", "-1", "abc", "1.5", "", " 1", "1e3", "true", "\0", "\u0661")
    for value in every if route in (LISTS[0], SEARCH) else ("0", "\0"):
        assert_invalid(answered(client, sample_data.path(route), **{name: value}), name)


@pytest.mark.both_databases
@pytest.mark.parametrize("route", LISTS)
def test_a_page_beyond_the_end_is_404_and_a_size_beyond_100_is_100(
    route: str, sample_data: SampleData, client
) -> None:
    path = sample_data.path(route)
    for page in (99, 10**9, 10**22, 10**30):
        assert_problem(answered(client, path, page=page), 404, "not_found")
    for size in (101, 1000, 10**30):
        answer = answered(client, path, page_size=size)
        assert answer.status_code == 200
        assert answer.renderer_context["view"].paginator.page.paginator.per_page == 100


@pytest.mark.parametrize(("route", "name"), [*DATES, (SLOTS, "date")])
def test_an_invalid_date_is_400(route: str, name: str, sample_data: SampleData, client) -> None:
    every = ("junk", "2026-02-30", "2026-13-01", "01/02/2026", "20260102", "1", "\0",
             "2026-01-01T00:00Z")  # fmt: skip
    for value in every if route == SLOTS else ("2026-02-30", "\0"):
        assert_invalid(answered(client, sample_data.path(route), **{name: value}), name)


@pytest.mark.both_databases
@pytest.mark.parametrize("route", [SCHEDULES, MINE])
def test_the_first_and_last_dates_are_valid(route: str, sample_data: SampleData, client) -> None:
    everything = answered(client, route, **{"from": "0001-01-01", "to": "9999-12-31"})
    assert everything.json()["count"] == answered(client, route).json()["count"] > 0
    for name, day in (("from", "9999-12-31"), ("to", "0001-01-01")):
        assert answered(client, route, **{name: day}).json()["count"] == 0
    reversed_range = answered(client, route, **{"from": "9999-12-31", "to": "0001-01-01"})
    assert_invalid(reversed_range, "to")


@pytest.mark.both_databases
def test_the_first_and_last_dates_have_no_free_slots(sample_data: SampleData, client) -> None:
    path = sample_data.path(SLOTS)
    for day in ("0001-01-01", "9999-12-31"):
        for query in ({"date": day}, {"from": day}, {"from": day, "to": day}):
            assert answered(client, path, **query).json()["results"] == []
    assert_invalid(answered(client, path, **{"from": "0001-01-01", "to": "9999-12-31"}), "to")
    assert_invalid(answered(client, path, to="0001-01-01"), "to")
    assert_invalid(answered(client, path, to="9999-12-31"), "to")


@pytest.mark.parametrize(("route", "name"), [*KEYS, HISTORY])
def test_a_key_that_is_not_an_integer_is_400(
    route: str, name: str, sample_data: SampleData, client
) -> None:
    for value in ("abc", "1.5", "1e400", "true", "null", "\0", "1,2", "0x1", "NaN"):
        assert_invalid(answered(client, sample_data.path(route), **{name: value}), name)


@pytest.mark.both_databases
@pytest.mark.parametrize(("route", "name"), KEYS)
def test_filtering_by_an_absent_key_finds_no_row(
    route: str, name: str, sample_data: SampleData, client
) -> None:
    for value in ABSENT:
        answer = answered(client, sample_data.path(route), **{name: value})
        assert answer.json()["results"] == [], value


@pytest.mark.both_databases
def test_the_history_of_an_absent_patient_is_404_as_that_of_another(client) -> None:
    route, name = HISTORY
    another = MedicalHistoryFactory().patient_id
    problem = assert_problem(answered(client, route, **{name: another}), 404, "not_found")
    for value in ABSENT:
        absent = answered(client, route, **{name: value})
        assert assert_problem(absent, 404, "not_found") == problem


@pytest.mark.parametrize(("route", "name"), CHOICES)
def test_an_unknown_choice_is_400(route: str, name: str, sample_data: SampleData, client) -> None:
    for value in ("junk", "1", "\0", "password", "patient__user__password", "SCHEDULED "):
        assert_invalid(answered(client, sample_data.path(route), **{name: value}), name)


@pytest.mark.parametrize("text", ["a " * 5000, "a," * 5000, "x" * 201, "\0", '"' * 201])
def test_a_search_that_is_too_long_is_400(text: str, client) -> None:
    assert_invalid(answered(client, "/api/doctor/doctors/", search=text), "search")


@pytest.mark.both_databases
@pytest.mark.parametrize("text", ["%", "_", "\\", "a%", "\U0001f600", "--", "%x"])
def test_a_search_for_a_special_character_is_literal(text: str, client) -> None:
    assert answered(client, "/api/doctor/doctors/", search=text).json()["count"] == 0


@pytest.mark.both_databases
@pytest.mark.parametrize("text", ["'", '"', '"a b', ",,,", " ", ""])
def test_a_search_without_a_word_causes_no_server_error(text: str, client) -> None:
    assert answered(client, "/api/doctor/doctors/", search=text).status_code == 200
