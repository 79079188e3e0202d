"""A hostile path is 404 and a hostile token 401; neither is ever a 5xx."""

import pytest
from rest_framework.test import APIClient

from tests.problems import MEDIA_TYPE, assert_problem
from tests.routes import api_routes
from tests.sample_data import SampleData, call, rolled_back

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

EVERY_KEY = "/api/doctor/doctors/{id}/"  # the route to which every key and token is sent
WITH_KEY = [route for route in api_routes() if "{" in route]
KEYS = [
    "-1", "1.5", "1e3", "true", "null", "abc", "%00", "1%00", "%ff", "%ED%A0%80", "%D9%A1",
    "..%2f1", "%0a", "1%0a", "+1", "0x1", "1;", "%F0%9F%92%A9", "9" * 18, "9" * 19, "1" + "0" * 22,
    "9" * 5000,
]  # fmt: skip
CREDENTIALS = [
    "Token", "Token ", "Token \0", "Token a b", "Token " + "0" * 64, "Token " + "0" * 5000,
    "Token \xff", "Token \xc3\xa9" * 8, "Token '; DROP TABLE accounts_user; --", "token null",
    "Token " + "\udcff".encode(errors="surrogateescape").decode("latin-1"), "TOKEN \x7f",
]  # fmt: skip


@pytest.mark.parametrize("route", WITH_KEY)
def test_a_malformed_key_is_404(route: str, sample_data: SampleData) -> None:
    for method in sorted(api_routes()[route]):
        client, body = sample_data.client_for(method, route), sample_data.body(method, route)
        for key in KEYS if route == EVERY_KEY else KEYS[:1] + KEYS[-4:]:
            answer = call(client, method, sample_data.path(route, key), body)
            assert answer.status_code == 404, (method, key, answer.content[:500])
            assert answer["Content-Type"] == MEDIA_TYPE


@pytest.mark.parametrize("tail", ["%00", "%ff/", "\\", "x" * 5000, "%ED%A0%80/", "%0d%0aX-A:%20b/"])
def test_an_unknown_path_is_404_for_any_characters(tail: str, sample_data: SampleData) -> None:
    for client in (sample_data.client("owner"), sample_data.client("anonymous")):
        for method in ("GET", "POST", "DELETE"):
            answer = client.generic(method, f"/api/{tail}")
            assert (answer.status_code, answer["Content-Type"]) == (404, MEDIA_TYPE)
            assert "X-A" not in answer


LOOK_AT_NO_TOKEN = ("/login/", "/register/", "/password-reset/", "/confirm/", "/{secret}.ics")


@pytest.mark.parametrize("route", api_routes())
def test_a_value_that_is_not_a_token_is_401(route: str, sample_data: SampleData) -> None:
    path = sample_data.path(route)
    for method in sorted(api_routes()[route]):
        body = sample_data.body(method, route)
        for credentials in CREDENTIALS if route == EVERY_KEY else ("Token", "Token \xff"):
            with rolled_back():
                answer = call(APIClient(headers={"authorization": credentials}), method, path, body)
                if route.endswith(LOOK_AT_NO_TOKEN):
                    assert answer.status_code in (200, 201, 202)
                else:
                    assert_problem(answer, 401, "authentication_failed")
                    assert answer["WWW-Authenticate"] == "Token"
