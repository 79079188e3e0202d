"""Who may do what: every endpoint and method, for everybody."""

from typing import Any

import pytest

from accounts.models import Device, User
from appointment.models import Appointment, WaitlistEntry
from doctor.models import Doctor
from patient.models import MedicalHistory, Patient
from tests.problems import assert_problem
from tests.routes import METHODS, api_routes
from tests.world import OF_THE_DOCTOR, PEOPLE, World, call, undone

pytestmark = pytest.mark.django_db

# `owner` is the patient whose object the path names, `other` another patient; both have a profile.
# `doctor`, `staff` (of the reception) and `superuser` have none: as patients they are newcomers.
TABLE = """
                                                           anonymous owner other doctor staff superuser
POST   /api/auth/register/                                 201       201   201   201    201   201
POST   /api/auth/login/                                    200       200   200   200    200   200
POST   /api/auth/logout/                                   401       204   204   204    204   204
GET    /api/auth/profile/                                  401       200   200   200    200   200
PUT    /api/auth/profile/                                  401       200   200   200    200   200
PATCH  /api/auth/profile/                                  401       200   200   200    200   200
POST   /api/auth/change-password/                          401       200   200   200    200   200
POST   /api/auth/verify-email/                             200       200   200   200    200   200
POST   /api/auth/password-reset/                           202       202   202   202    202   202
POST   /api/auth/password-reset/confirm/                   200       200   200   200    200   200
GET    /api/auth/devices/                                  401       200   200   200    200   200
DELETE /api/auth/devices/{id}/                             401       204   404   404    404   404
POST   /api/auth/logout-all/                               401       204   204   204    204   204
POST   /api/auth/delete-account/                           401       204   204   403    403   403
GET    /api/doctor/doctors/                                200       200   200   200    200   200
GET    /api/doctor/doctors/{id}/                           200       200   200   200    200   200
GET    /api/doctor/specialties/                            200       200   200   200    200   200
GET    /api/doctor/specialties/{id}/                       200       200   200   200    200   200
GET    /api/doctor/languages/                              200       200   200   200    200   200
GET    /api/doctor/languages/{id}/                         200       200   200   200    200   200
GET    /api/doctor/locations/                              200       200   200   200    200   200
GET    /api/doctor/locations/{id}/                         200       200   200   200    200   200
GET    /api/doctor/by-specialty/{specialty_id}/            200       200   200   200    200   200
GET    /api/doctor/doctors/{doctor_id}/available-slots/    200       200   200   200    200   200
GET    /api/doctor/slots/                                  200       200   200   200    200   200
GET    /api/doctor/schedules/                              200       200   200   200    200   200
POST   /api/doctor/schedules/                              401       403   403   403    201   201
GET    /api/doctor/schedules/{id}/                         200       200   200   200    200   200
PUT    /api/doctor/schedules/{id}/                         401       403   403   403    200   200
PATCH  /api/doctor/schedules/{id}/                         401       403   403   403    200   200
DELETE /api/doctor/schedules/{id}/                         401       403   403   403    403   204
GET    /api/doctor/weekly-hours/                           401       403   403   403    200   200
POST   /api/doctor/weekly-hours/                           401       403   403   403    403   201
GET    /api/doctor/weekly-hours/{id}/                      401       403   403   403    200   200
PUT    /api/doctor/weekly-hours/{id}/                      401       403   403   403    403   200
PATCH  /api/doctor/weekly-hours/{id}/                      401       403   403   403    403   200
DELETE /api/doctor/weekly-hours/{id}/                      401       403   403   403    403   204
GET    /api/doctor/time-off/                               401       403   403   403    200   200
POST   /api/doctor/time-off/                               401       403   403   403    201   201
GET    /api/doctor/time-off/{id}/                          401       403   403   403    200   200
PUT    /api/doctor/time-off/{id}/                          401       403   403   403    200   200
PATCH  /api/doctor/time-off/{id}/                          401       403   403   403    200   200
DELETE /api/doctor/time-off/{id}/                          401       403   403   403    204   204
GET    /api/patient/profile/                               401       200   200   404    404   404
POST   /api/patient/profile/                               401       409   409   201    201   201
PUT    /api/patient/profile/                               401       200   200   404    404   404
PATCH  /api/patient/profile/                               401       200   200   404    404   404
DELETE /api/patient/profile/                               401       204   204   404    404   404
GET    /api/patient/profile/{id}/                          401       200   404   404    404   404
PUT    /api/patient/profile/{id}/                          401       200   404   404    404   404
PATCH  /api/patient/profile/{id}/                          401       200   404   404    404   404
DELETE /api/patient/profile/{id}/                          401       204   404   404    404   404
GET    /api/patient/dependents/                            401       200   200   200    200   200
POST   /api/patient/dependents/                            401       201   201   201    201   201
GET    /api/patient/dependents/{id}/                       401       200   404   404    404   404
PUT    /api/patient/dependents/{id}/                       401       200   404   404    404   404
PATCH  /api/patient/dependents/{id}/                       401       200   404   404    404   404
DELETE /api/patient/dependents/{id}/                       401       204   404   404    404   404
GET    /api/patient/medical-history/                       401       200   200   200    200   200
POST   /api/patient/medical-history/                       401       201   201   201    201   201
GET    /api/patient/medical-history/{id}/                  401       200   404   404    404   404
PUT    /api/patient/medical-history/{id}/                  401       200   404   404    404   404
PATCH  /api/patient/medical-history/{id}/                  401       200   404   404    404   404
DELETE /api/patient/medical-history/{id}/                  401       204   404   404    404   404
GET    /api/patient/access-log/                            401       200   200   200    200   200
GET    /api/patient/export/                                401       200   200   200    200   200
GET    /api/appointment/my-appointments/                   401       200   200   200    200   200
GET    /api/appointment/my-appointments/{id}/              401       200   404   404    404   404
POST   /api/appointment/book/{doctor_id}/                  401       201   201   201    201   201
POST   /api/appointment/cancel/{appointment_id}/           401       200   404   404    404   404
POST   /api/appointment/reschedule/{appointment_id}/       401       200   404   404    404   404
GET    /api/appointment/waitlist/                          401       200   200   200    200   200
POST   /api/appointment/waitlist/                          401       201   201   201    201   201
GET    /api/appointment/waitlist/{id}/                     401       200   404   404    404   404
DELETE /api/appointment/waitlist/{id}/                     401       204   404   404    404   404
POST   /api/appointment/waitlist/{id}/accept/              401       201   404   404    404   404
POST   /api/appointment/waitlist/{id}/decline/             401       204   404   404    404   404
GET    /api/appointment/rebooking/                         401       403   403   403    200   200
POST   /api/appointment/rebooking/{appointment_id}/move/   401       403   403   403    200   200
POST   /api/appointment/rebooking/{appointment_id}/cancel/ 401       403   403   403    200   200
GET    /api/appointment/agenda/                            401       403   403   200    403   403
POST   /api/appointment/check-in/{appointment_id}/         401       403   404   200    200   200
POST   /api/appointment/complete/{appointment_id}/         401       403   404   200    200   200
POST   /api/appointment/no-show/{appointment_id}/          401       403   404   200    200   200
"""  # noqa: E501  (a table reads best in one piece)
HEADER, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
ACCESS = {(row[0], row[1]): list(map(int, row[2:])) for row in ROWS}
CODES = {
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    409: "profile_exists",
}
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


def test_the_table_has_every_route_and_method_and_no_other() -> None:
    assert tuple(HEADER) == PEOPLE
    routes = {(method, path) for path, methods in api_routes().items() for method in methods}
    assert len(ACCESS) == len(ROWS)
    assert set(ACCESS) == routes


@pytest.mark.parametrize(("method", "route"), ACCESS)
def test_everybody_gets_the_status_of_the_table(method: str, route: str, world: World) -> None:
    path, body = world.path(route), world.body(method, route)
    answers = {}
    for person in PEOPLE:
        client = world.client(person)
        with undone():
            answers[person] = call(client, method, path, body)
    statuses = {person: answer.status_code for person, answer in answers.items()}
    assert statuses == dict(zip(PEOPLE, ACCESS[method, route], strict=True))
    for answer in answers.values():
        if answer.status_code >= 400:
            assert_problem(answer, answer.status_code, CODES[answer.status_code])


@pytest.mark.parametrize("route", api_routes())
def test_a_method_that_the_table_does_not_name_is_405_whoever_asks(
    route: str, world: World
) -> None:
    path, offered = world.path(route), api_routes()[route]
    for method in {name.upper() for name in METHODS} - offered:
        for person in ("owner", "superuser"):
            problem = call(world.client(person), method, path)
            if problem.status_code != 403:  # a call that one may not make in any case
                assert_problem(problem, 405, "method_not_allowed")
                assert {name.strip() for name in problem["Allow"].split(",")} >= offered
        may_call = "doctor" if route.startswith(OF_THE_DOCTOR) else "superuser"
        assert call(world.client(may_call), method, path).status_code == 405


@pytest.mark.parametrize("route", OWNED)
@pytest.mark.parametrize("body", ["right", "wrong"])
def test_what_is_anothers_answers_exactly_as_what_is_absent(
    route: str, body: str, world: World
) -> None:
    anothers = world.keys()[route]
    clients = [world.client(person) for person in STRANGERS]  # each is a new device
    absent = absent_key_like(anothers, OWNED[route])
    for method in api_routes()[route]:
        sent = world.body(method, route) if body == "right" else {"reason": "x" * 501}
        for client in clients:
            answers = [
                call(client, method, world.path(route, key), sent) for key in (anothers, absent)
            ]
            assert_same_but_for_instance(*answers)
            assert_problem(answers[0], 404, "not_found")


@pytest.mark.parametrize("person", ["owner", "staff"])
def test_a_doctor_who_is_not_active_answers_exactly_as_an_absent_one(
    person: str, world: World
) -> None:
    doctor = Doctor.objects.get(pk=world.session.doctor_id)
    doctor.is_active = False
    doctor.publish()
    absent, client = absent_key_like(doctor.pk, type(doctor)), world.client(person)
    for method, route in (
        ("GET", "/api/doctor/doctors/{id}/"),
        ("GET", "/api/doctor/doctors/{doctor_id}/available-slots/"),
        ("POST", "/api/appointment/book/{doctor_id}/"),
    ):
        body = world.body(method, route)
        answers = [
            call(client, method, world.path(route, key), body) for key in (doctor.pk, absent)
        ]
        assert_same_but_for_instance(*answers)
        assert_problem(answers[0], 404, "not_found")


def test_lists_of_what_is_ones_own_show_nothing_of_others(world: World) -> None:
    for path in (
        "/api/patient/dependents/",
        "/api/patient/medical-history/",
        "/api/appointment/my-appointments/",
        "/api/appointment/waitlist/",
    ):
        counts = {who: world.client(who).get(path).json()["count"] for who in PEOPLE[1:]}
        own = 2 if "my-appointments" in path else 1
        assert counts == {"owner": own, **dict.fromkeys(STRANGERS, 0)}


def test_an_account_that_is_not_active_is_nobody(world: World) -> None:
    client = world.client("owner")
    User.objects.get(pk=world.accounts["owner"].pk).revise(is_active=False)
    assert_problem(client.get("/api/auth/profile/"), 401, "authentication_failed")
    assert_problem(client.get("/api/doctor/doctors/"), 401, "authentication_failed")


def test_staff_without_the_permission_may_not_write_sessions(world: World) -> None:
    client = world.client("staff")
    world.accounts["staff"].groups.clear()
    route = "/api/doctor/schedules/{id}/"
    for method in ("PUT", "PATCH", "DELETE"):
        answer = call(client, method, world.path(route), world.body(method, route))
        assert_problem(answer, 403, "permission_denied")


def absent_key_like(key: int, model: Any) -> int:
    """A key of as many digits that no row has: the lengths of the answers are alike as well."""
    first = 10 ** (len(str(key)) - 1)
    taken = set(model.objects.values_list("pk", flat=True))
    return next(absent for absent in range(first, 10 * first) if absent not in taken)


def assert_same_but_for_instance(one: Any, two: Any) -> None:
    """Status, headers but the request's id and every member but `instance` are alike."""
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
