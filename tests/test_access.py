"""Access rules that no table of tests/test_matrix.py shows: lists, wrong bodies, hidden rows."""

from typing import Any

import pytest

from accounts.models import Device
from appointment.models import Appointment, WaitlistEntry
from doctor.models import Doctor
from patient.models import MedicalHistory, Patient
from tests.problems import assert_problem
from tests.routes import api_routes
from tests.sample_data import PEOPLE, SampleData, call

pytestmark = pytest.mark.django_db

OWNED: dict[str, Any] = {
    "/api/auth/devices/{id}/": Device,
    "/api/patient/profile/{id}/": Patient,
    "/api/patient/dependents/{id}/": Patient,
    "/api/patient/medical-history/{id}/": MedicalHistory,
    "/api/appointment/my-appointments/{id}/": Appointment,
    "/api/appointment/cancel/{appointment_id}/": Appointment,
    "/api/appointment/reschedule/{appointment_id}/": Appointment,
    "/api/appointment/waitlist/{id}/": WaitlistEntry,
    "/api/appointment/waitlist/{id}/accept/": WaitlistEntry,
    "/api/appointment/waitlist/{id}/decline/": WaitlistEntry,
}
STRANGERS = PEOPLE[2:]
WRONG = {"reason": "x" * 501}
SERVED_TO_STAFF = ("/api/appointment/cancel/", "/api/appointment/reschedule/")


@pytest.mark.parametrize("route", OWNED)
def test_another_patients_row_answers_as_an_absent_one_for_any_body(
    route: str, sample_data: SampleData
) -> None:
    anothers = sample_data.keys()[route]
    # Each client adds a device, so all exist before the absent key is chosen.
    people = STRANGERS[:2] if route.startswith(SERVED_TO_STAFF) else STRANGERS
    clients = [sample_data.client(person) for person in people]
    absent = absent_key_like(anothers, OWNED[route])
    for method in api_routes()[route]:
        for client in clients:
            answers = [
                call(client, method, sample_data.path(route, key), WRONG)
                for key in (anothers, absent)
            ]
            assert_same_but_for_instance(*answers)
            assert_problem(answers[0], 404, "not_found")


@pytest.mark.parametrize("person", ["owner", "staff"])
def test_a_doctor_who_is_not_active_answers_exactly_as_an_absent_one(
    person: str, sample_data: SampleData
) -> None:
    doctor = Doctor.objects.get(pk=sample_data.session.doctor_id)
    doctor.is_active = False
    doctor.publish()
    absent, client = absent_key_like(doctor.pk, type(doctor)), sample_data.client(person)
    for method, route in (
        ("GET", "/api/doctor/doctors/{id}/"),
        ("GET", "/api/doctor/doctors/{doctor_id}/available-slots/"),
        ("POST", "/api/appointment/book/{doctor_id}/"),
    ):
        body = sample_data.body(method, route)
        answers = [
            call(client, method, sample_data.path(route, key), body) for key in (doctor.pk, absent)
        ]
        assert_same_but_for_instance(*answers)
        assert_problem(answers[0], 404, "not_found")


def test_lists_of_the_callers_rows_show_no_rows_of_others(sample_data: SampleData) -> None:
    for path in (
        "/api/patient/dependents/",
        "/api/patient/medical-history/",
        "/api/appointment/my-appointments/",
        "/api/appointment/waitlist/",
    ):
        counts = {who: sample_data.client(who).get(path).json()["count"] for who in PEOPLE[1:]}
        own = 3 if "my-appointments" in path else 1
        assert counts == {"owner": own, **dict.fromkeys(STRANGERS, 0)}


def test_staff_without_the_permission_may_not_write_sessions(sample_data: SampleData) -> None:
    client = sample_data.client("staff")
    sample_data.accounts["staff"].groups.clear()
    route = "/api/doctor/schedules/{id}/"
    for method in ("PUT", "PATCH", "DELETE"):
        answer = call(client, method, sample_data.path(route), sample_data.body(method, route))
        assert_problem(answer, 403, "permission_denied")


def absent_key_like(key: int, model: Any) -> int:
    """Return an unused key with as many digits, so that both responses have the same length."""
    first = 10 ** (len(str(key)) - 1)
    taken = set(model.objects.values_list("pk", flat=True))
    return next(absent for absent in range(first, 10 * first) if absent not in taken)


def assert_same_but_for_instance(one: Any, two: Any) -> None:
    """Assert that two errors are equal in all but the header X-Request-ID and the `instance`."""
    assert one.status_code == two.status_code
    headers = [
        {name: value for name, value in answer.items() if name != "X-Request-ID"}
        for answer in (one, two)
    ]
    assert headers[0] == headers[1]
    bodies = [answer.json() for answer in (one, two)]
    for body in bodies:
        del body["instance"]
    assert bodies[0] == bodies[1]
