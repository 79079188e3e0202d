"""No patient's data and no secret gets into a log, a URL, the cache or an error response.

The tests use canary words as personal data. A `Hunter` collects what the server writes, and
searches it for these words.
"""

import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, transaction
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.codes import code_of, enrolled
from accounts.tests.factories import SuperuserFactory, UserFactory
from appointment.models import Appointment
from config import problems
from config.log import PrivateFormatter, RequestTextFilter
from doctor.models import Schedule
from doctor.tests.factories import ScheduleFactory, day_ahead
from patient.models import MedicalHistory, Patient
from tests.admin_client import FormReader, page
from tests.canaries import EMAIL, ENTRY, NEW_PASSWORD, PASSWORD, PERSON, REASON, WHY, Hunter

pytestmark = pytest.mark.django_db
TOO_LONG = "kanari" * 1000
Call = Callable[..., Any]


@pytest.fixture
def hunter() -> Iterator[Hunter]:
    with Hunter().listening() as hunter:
        yield hunter


@pytest.fixture
def session() -> Schedule:
    return ScheduleFactory(capacity=2)


def caller(hunter: Hunter) -> Call:
    """Register a user, and return `call(method, path, body, status)`, which makes their calls."""
    client = APIClient(raise_request_exception=False)
    account = {"email": EMAIL, "password": PASSWORD}
    names = {name: PERSON[name] for name in ("first_name", "last_name")}
    client.post("/api/auth/register/", {**account, **names})
    token = client.post("/api/auth/login/", account).json()["token"]
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    hunter.secrets += [token]

    def call(method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        answer = getattr(client, method)(path, body, headers=headers)
        assert answer.status_code == status, (path, answer.content[:300])
        return hunter.seen(answer)

    return call


def assert_nothing_found(hunter: Hunter) -> None:
    assert hunter.found() == []


def test_a_patients_free_text_appears_in_no_log_mail_or_event(
    hunter: Hunter, session: Schedule
) -> None:
    call = caller(hunter)
    doctor, slots = session.doctor_id, [slot.pk for slot in session.slots.order_by("pk")]
    call("post", "/api/patient/profile/", PERSON, 201)
    entry = call("post", "/api/patient/medical-history/", ENTRY, 201).json()["id"]
    call("post", "/api/patient/dependents/", PERSON, 201)
    book = f"/api/appointment/book/{doctor}/"
    body = {"slot_id": slots[0], "reason": REASON}
    visit = call("post", book, body, 201, **{"Idempotency-Key": "k1"}).json()["id"]
    call("post", book, body, 201, **{"Idempotency-Key": "k1"})
    call("post", f"/api/appointment/reschedule/{visit}/", {"slot_id": slots[1]})
    call("post", f"/api/appointment/cancel/{visit}/", {"reason": WHY})
    for path in ("patient/profile/", "patient/medical-history/?page_size=1", "auth/profile/"):
        call("get", f"/api/{path}")
    call("get", "/api/appointment/my-appointments/?page_size=1")
    call("delete", f"/api/patient/medical-history/{entry}/", status=204)
    change = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
    hunter.secrets.append(call("post", "/api/auth/change-password/", change).json()["token"])
    assert_nothing_found(hunter)


def test_no_refusal_repeats_what_was_typed(hunter: Hunter, session: Schedule) -> None:
    call = caller(hunter)
    call("post", "/api/patient/profile/", PERSON, 201)
    call("post", "/api/patient/profile/", PERSON, 409)
    for field in PERSON:
        wrong = TOO_LONG if "name" in field or field == "address" else "kanari-junk"
        call("patch", "/api/patient/profile/", {field: wrong}, 400)
    for field in ENTRY:
        wrong = TOO_LONG if field in {"description", "notes"} else "kanari-junk"
        call("post", "/api/patient/medical-history/", {**ENTRY, field: wrong}, 400)
    book = f"/api/appointment/book/{session.doctor_id}/"
    slot = session.slots.earliest("pk").pk
    call("post", book, {"slot_id": slot, "reason": TOO_LONG}, 400)
    call("post", book, {"slot_id": "kanari", "reason": REASON}, 400)
    call("post", book, {"slot_id": slot, "reason": REASON}, 201)
    call("post", book, {"slot_id": slot, "reason": REASON}, 409)
    call("get", "/api/patient/medical-history/?kind=kanari&patient=kanari", None, 400)
    call(
        "post", "/api/auth/change-password/", {"old_password": "kanari-x", "new_password": "1"}, 400
    )
    call("post", "/api/nowhere/", PERSON, 404)
    assert len(hunter.refusals) == 18
    assert_nothing_found(hunter)


def test_refused_logins_and_registrations_keep_no_password(hunter: Hunter, settings: Any) -> None:
    settings.AXES_ENABLED = True
    UserFactory(email=EMAIL)
    client = APIClient(raise_request_exception=False)
    wrong = {"email": EMAIL, "password": NEW_PASSWORD}
    for body, form in ((wrong, "json"), (wrong, "multipart")):
        hunter.seen(client.post("/api/auth/login/", body, format=form))
    hunter.seen(client.post("/api/auth/register/", {**wrong, "first_name": "A", "last_name": "B"}))
    typed = {"username": EMAIL, "password": NEW_PASSWORD, "code": "kanaricode"}
    for path in ("/admin/login/", "/api-auth/login/"):
        hunter.seen(Client().post(path, typed))
    assert len(hunter.refusals) == 3
    assert_nothing_found(hunter)


def test_the_admin_writes_no_patient_name_to_logs_or_urls(hunter: Hunter) -> None:
    client = Client()
    client.force_login(SuperuserFactory(email="kanari.boss@example.com"))

    def send(path: str, **typed: Any) -> None:
        form = FormReader(client.get(path).content.decode()).sent
        answer = hunter.seen(client.post(path, {**form, **typed}, follow=True))
        assert answer.status_code == 200

    send(page(Patient, "add"), **PERSON)
    patient = Patient.objects.get()
    send(page(patient, "change"), address="Kanari Street 18")
    typed = {key: value for key, value in ENTRY.items() if key != "status"}
    send(page(MedicalHistory, "add"), patient=patient.pk, status="active", **typed)
    slot = ScheduleFactory(date=day_ahead(6)).slots.earliest("pk")
    send(page(Appointment, "add"), patient=patient.pk, slot=slot.pk, reason=REASON)
    assert MedicalHistory.objects.get().notes == ENTRY["notes"]
    assert Appointment.objects.get().reason == REASON
    account = {"email": EMAIL, "password1": PASSWORD, "password2": PASSWORD}
    send(page(User, "add"), first_name="KanariFirst", last_name="KanariLast", **account)
    send(page(User.objects.get(email=EMAIL), "change"), last_name="KanariOther")
    send(page(patient, "delete"), post="yes")
    send(page(User.objects.get(email=EMAIL), "delete"), post="yes")
    assert not Patient.objects.exists()
    assert_nothing_found(hunter)


def test_the_second_factor_writes_no_secret_to_logs_or_urls(hunter: Hunter) -> None:
    boss = SuperuserFactory()
    device, client = enrolled(boss), Client()
    client.force_login(boss)
    typed = {"verb": "renew", "code": code_of(device)}
    answer = hunter.seen(client.post("/admin/second-factor/", typed))
    hunter.secrets += [device.key, *answer.context["codes"], typed["code"]]
    hunter.seen(client.get("/admin/records/"))
    assert_nothing_found(hunter)


def test_commands_name_no_patient(hunter: Hunter, session: Schedule) -> None:
    call = caller(hunter)
    body = {"slot_id": session.slots.earliest("pk").pk, "reason": REASON}
    visit = call("post", f"/api/appointment/book/{session.doctor_id}/", body, 201).json()["id"]
    # This breaks an invariant, so that check_invariants has something to report.
    Appointment.objects.filter(pk=visit).update(slot=session.slots.latest("pk"))
    for command in ("run_due", "extend_schedules", "check_invariants", "clearsessions"):
        output = StringIO()
        try:
            call_command(command, stdout=output, stderr=output)
        except BaseException as error:
            output.write(str(error))
        hunter.lines.append(output.getvalue())
    assert f"slot {session.slots.latest('pk').pk}" in " ".join(hunter.lines).lower()
    assert_nothing_found(hunter)


def test_an_error_of_the_database_is_logged_without_the_row_it_quotes(hunter: Hunter) -> None:
    UserFactory(email=EMAIL)
    try:
        with transaction.atomic():
            User.objects.create(email=EMAIL, first_name=PERSON["first_name"])
    except IntegrityError:
        logging.getLogger("django.request").exception("Internal Server Error: /api/somewhere/")
    reported = hunter.lines[-1]
    assert "IntegrityError" in reported
    assert "tests/test_canaries.py" in reported
    assert_nothing_found(hunter)


@pytest.mark.only_on("postgres")
def test_an_error_of_the_database_is_logged_with_its_constraint() -> None:
    UserFactory(email=EMAIL)
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        User.objects.create(email=EMAIL)
    error = caught.value
    assert EMAIL in str(error)
    reported = PrivateFormatter().formatException((type(error), error, error.__traceback__))
    assert "23505 accounts_user" in reported


def test_an_unexpected_error_is_logged_with_its_location_but_not_its_message(
    hunter: Hunter,
) -> None:
    try:
        int("kanari")
    except ValueError:
        logging.getLogger("django.request").exception("Internal Server Error: /api/somewhere/")
    assert "builtins.ValueError: (its words are left out)" in hunter.lines[-1]
    assert 'int("kan' in hunter.lines[-1]
    hunter.lines[-1] = hunter.lines[-1].replace('int("kanari")', "")  # source in the traceback
    assert_nothing_found(hunter)


def test_an_unreachable_database_is_logged_without_the_statement(hunter: Hunter) -> None:
    words = "canceling statement due to lock timeout\nCONTEXT: while updating (KanariFirst)"
    assert problems.unavailable(OperationalError(words)).status == 503
    assert "lock timeout" in hunter.lines[-1]
    assert_nothing_found(hunter)


def test_a_request_that_gunicorn_cannot_parse_is_logged_without_its_content(hunter: Hunter) -> None:
    log = logging.getLogger("gunicorn.error.of_tests")
    log.addFilter(RequestTextFilter())
    log.warning("Invalid request from ip=::1: Invalid HTTP Header: 'Authorization Token kanari'")
    try:
        raise ValueError(PASSWORD)
    except ValueError:
        log.exception("Error handling request %s %s", "GET", "/admin/?q=kanari")
    assert "Invalid request from ip=::1: (its words are left out)" in hunter.lines[-2]
    assert "Error handling request GET /admin/\n" in hunter.lines[-1]
    assert_nothing_found(hunter)


def leak_to_the_log(hunter: Hunter) -> None:
    logging.getLogger("appointment.models").debug("booked for %s", PERSON["last_name"])


def leak_to_an_address(hunter: Hunter) -> None:
    answer = Client().get("/nowhere/")
    answer["Location"] = "/admin/?q=Kanari+Street"
    hunter.seen(answer)


def leak_to_the_cache(hunter: Hunter) -> None:
    cache.set("login:" + EMAIL, 1)


def leak_a_secret(hunter: Hunter) -> None:
    hunter.secrets.append("0123abcd")
    logging.getLogger("django.security").warning("Bad token 0123abcd")


@pytest.mark.parametrize(
    "leak", [leak_to_the_log, leak_to_an_address, leak_to_the_cache, leak_a_secret]
)
def test_the_leak_search_finds_a_planted_leak(
    hunter: Hunter, leak: Callable[[Hunter], None]
) -> None:
    assert_nothing_found(hunter)
    leak(hunter)
    assert hunter.found()
