"""A call with hostile headers gets the same answer as without them, or a clear 4xx."""

import pytest

from tests.problems import assert_problem
from tests.routes import api_routes
from tests.sample_data import SampleData, call, rolled_back

pytestmark = pytest.mark.django_db

HEADERS = (
    "ACCEPT_LANGUAGE", "ACCEPT_ENCODING", "COOKIE", "IDEMPOTENCY_KEY", "IF_MATCH",
    "IF_MODIFIED_SINCE", "ORIGIN", "RANGE", "REFERER", "USER_AGENT", "X_FORWARDED_FOR",
    "X_FORWARDED_PROTO", "X_HTTP_METHOD_OVERRIDE", "X_REQUEST_ID",
)  # fmt: skip
VALUES = {
    "NUL": "a\0b",
    "not UTF-8": b"\xff\xfe".decode("latin-1"),
    "UTF-8 of a surrogate": b"\xed\xa0\x80".decode("latin-1"),
    "5,000 characters": "x" * 5000,
    "thousands of parts": "a/b;q=0.1," * 1000,
    "signs": "'\";,=%s{{7*7}}<script>",
    "nothing": "",
}


EVERY_VALUE = "/api/appointment/book/{doctor_id}/"  # the route to which every value is sent


@pytest.mark.parametrize("route", api_routes())
def test_no_header_causes_a_server_error(route: str, sample_data: SampleData) -> None:
    for method in sorted(api_routes()[route]):
        client = sample_data.client_for(method, route)
        for name in VALUES if route == EVERY_VALUE else ("NUL", "not UTF-8"):
            value = VALUES[name]
            client.defaults |= {f"HTTP_{header}": value for header in HEADERS}
            with rolled_back():
                answer = call(
                    client, method, sample_data.path(route), sample_data.body(method, route)
                )
            if answer.status_code >= 300:  # an invalid Idempotency-Key
                assert assert_problem(answer, 400, "validation_error"), name


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_no_accept_header_causes_a_server_error(value: str, sample_data: SampleData) -> None:
    answer = sample_data.client("anonymous").get("/api/doctor/doctors/", HTTP_ACCEPT=value)
    if answer.status_code != 200:
        assert_problem(answer, 406, "not_acceptable")


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_the_request_id_is_never_taken_from_a_header(value: str, sample_data: SampleData) -> None:
    answer = sample_data.client("anonymous").get("/api/doctor/doctors/", HTTP_X_REQUEST_ID=value)
    assert len(answer["X-Request-ID"]) == 32
