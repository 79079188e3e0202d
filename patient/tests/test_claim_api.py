"""POST /api/patient/claim/: a person gets the record that the reception made into the account."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone
from rest_framework.throttling import SimpleRateThrottle

from accounts.models import AuditEvent, User
from accounts.tests.factories import StaffFactory, UserFactory
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import ScheduleFactory
from patient.models import ClaimCode, MergedPatient, Patient
from patient.models.claim import ALPHABET, LENGTH, normalized
from patient.tests.factories import DependentFactory, MedicalHistoryFactory, PatientFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
PATH = "/api/patient/claim/"
BORN = date(1951, 4, 24)


@pytest.fixture
def record(db: None) -> Patient:
    """Create a record that the reception made, with a visit and an entry in the history."""
    patient: Patient = PatientFactory(
        user=None, first_name="Lucía", last_name="Reed", date_of_birth=BORN
    )
    AppointmentFactory(patient=patient)
    MedicalHistoryFactory(patient=patient)
    return patient


@pytest.fixture
def user(db: None) -> User:
    """Create an account with a verified address and without a profile."""
    account: User = UserFactory(
        first_name="Lucia", last_name="Reed", email_verified_at=timezone.now()
    )
    return account


def code_for(patient: Patient, at: datetime | None = None) -> str:
    return ClaimCode.objects.issue(patient, by=StaffFactory(), at=at)


def claim(client: Any, code: str, born: date = BORN) -> Any:
    return client.post(PATH, {"code": code, "date_of_birth": str(born)})


def assert_absent(answer: Any) -> None:
    assert answer.status_code == 404, answer.content
    assert answer.json()["code"] == "not_found"


def test_a_code_has_8_of_31_unambiguous_characters(record: Patient) -> None:
    code = normalized(code_for(record))
    assert (len(code), len(ALPHABET), LENGTH) == (8, 31, 8)
    assert set(code) <= set(ALPHABET)
    assert not set("01OIL") & set(ALPHABET)


@pytest.mark.parametrize(
    "typed",
    [
        str,
        lambda code: code.lower(),
        lambda code: code.replace("-", ""),
        lambda code: f" {code.replace('-', ' ')}\t",
        lambda code: code.replace("-", "\u2013"),
    ],
)
def test_the_record_becomes_the_profile(
    record: Patient, user: User, client_of: Any, typed: Any
) -> None:
    code = code_for(record)
    client = client_of(user)
    answer = claim(client, typed(code))
    assert answer.status_code == 200, answer.content
    assert answer.json() == client.get("/api/patient/profile/").json()
    assert answer.json()["id"] == record.pk
    assert client.get("/api/appointment/my-appointments/").json()["count"] == 1
    assert client.get("/api/patient/medical-history/").json()["count"] == 1
    assert_absent(claim(client, code))  # it is used up
    event = AuditEvent.objects.filter(action="change", patient_id=record.pk).latest("pk")
    assert (event.actor, event.role, event.kind) == (user, "patient", "patient.patient")


def test_a_wrong_code_or_birth_date_is_404(record: Patient, user: User, client_of: Any) -> None:
    code, client = code_for(record), client_of(user)
    assert_absent(claim(client, "22222222"))
    assert_absent(claim(client, "short"))
    assert_absent(claim(client, code, date(1951, 4, 25)))
    assert claim(client, code).status_code == 200


def test_a_code_is_valid_for_seven_days(record: Patient, user: User, client_of: Any) -> None:
    code, client = code_for(record), client_of(user)
    given = ClaimCode.objects.get().issued_at
    with time_machine.travel(given + timedelta(days=7), tick=False):
        assert_absent(claim(client, code))
    with time_machine.travel(given + timedelta(days=7, seconds=-1), tick=False):
        assert claim(client, code).status_code == 200


def test_the_newest_code_counts(record: Patient, user: User, client_of: Any) -> None:
    old, new = code_for(record), code_for(record)
    client = client_of(user)
    assert_absent(claim(client, old))
    assert claim(client, new).status_code == 200


@pytest.mark.parametrize("how", ["linked", "merged", "merged away", "erased", "deceased"])
def test_what_changes_the_record_voids_the_code(
    record: Patient, user: User, client_of: Any, how: str
) -> None:
    code, other = code_for(record), PatientFactory(user=None)
    {
        "linked": lambda: record.revise(user=UserFactory()),
        "merged": lambda: record.merge(other),
        "merged away": lambda: other.merge(record),
        "erased": record.erase,
        "deceased": record.mark_deceased,
    }[how]()
    assert_absent(claim(client_of(user), code))
    assert not ClaimCode.objects.exists()


def test_the_issuer_gets_no_record(record: Patient, user: User, client_of: Any) -> None:
    code = ClaimCode.objects.issue(record, by=user)
    assert_absent(claim(client_of(user), code))


@pytest.mark.parametrize("why", ["unverified", "staff"])
def test_an_account_that_may_not_claim_is_refused(
    record: Patient, user: User, client_of: Any, why: str
) -> None:
    code = code_for(record)
    changes = {"email_verified_at": None} if why == "unverified" else {"is_staff": True}
    User.objects.filter(pk=user.pk).update(**changes)
    answer = claim(client_of(user), code)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert ClaimCode.objects.exists()


@override_settings(SECRET_KEY="a new key", SECRET_KEY_FALLBACKS=[])
def test_the_key_is_needed_to_know_a_code(record: Patient, user: User, client_of: Any) -> None:
    code, client = code_for(record), client_of(user)
    with override_settings(SECRET_KEY="another key"):
        assert not ClaimCode.objects.matching(code, timezone.now()).exists()
        with override_settings(SECRET_KEY_FALLBACKS=["a new key"]):
            assert ClaimCode.objects.matching(code, timezone.now()).exists()
    assert claim(client, code).status_code == 200


# --- With a profile of one's own ------------------------------------------------------------------


def test_a_profile_of_the_first_booking_is_merged(
    record: Patient, user: User, client_of: Any
) -> None:
    client, slot = client_of(user), ScheduleFactory().slots.last()
    booked = client.post(reverse("appointment-book", args=[slot.doctor_id]), {"slot_id": slot.pk})
    assert booked.status_code == 201
    own = Patient.objects.own_of(user).get()
    child = DependentFactory(user=user)
    answer = claim(client, code_for(record))
    assert (answer.status_code, answer.json()["id"]) == (200, record.pk)
    assert client.get("/api/appointment/my-appointments/").json()["count"] == 2
    assert MergedPatient.objects.kept_key(own.pk) == record.pk
    assert Patient.objects.dependents_of(user).get() == child


def test_an_equal_profile_is_merged(record: Patient, user: User, client_of: Any) -> None:
    record.revise(last_name="O\u2019Reed-S\u00f8rby")
    PatientFactory(
        user=user,
        first_name="LUCIA",
        last_name="O'Reed Sorby",
        date_of_birth=BORN,
        phone_number="+34612345678",
    )
    answer = claim(client_of(user), code_for(record))
    assert answer.status_code == 200
    assert answer.json()["first_name"] == "Lucía"
    assert answer.json()["phone_number"] == "+34612345678"


@pytest.mark.parametrize(
    "fields",
    [
        {"first_name": "Bob"},
        {"first_name": "Lucia", "last_name": "Reed", "date_of_birth": date(1951, 4, 25)},
        {"first_name": "Lucia", "last_name": "Reed", "address": "Low Street 2"},
    ],
)
def test_a_profile_that_differs_is_a_conflict(
    record: Patient, user: User, client_of: Any, fields: dict[str, Any]
) -> None:
    Patient.objects.filter(pk=record.pk).update(address="High Street 1")
    PatientFactory(user=user, **fields)
    code, client = code_for(record), client_of(user)
    for _ in range(2):  # the code is not used up
        answer = claim(client, code)
        assert (answer.status_code, answer.json()["code"]) == (409, "profile_exists")
    assert Patient.objects.filter(pk=record.pk, user=None).exists()


def test_visits_at_the_same_time_are_a_conflict(
    record: Patient, user: User, client_of: Any
) -> None:
    own = PatientFactory(user=user, first_name="Lucia", last_name="Reed")
    AppointmentFactory(patient=own)
    answer = claim(client_of(user), code_for(record))
    assert (answer.status_code, answer.json()["code"]) == (409, "patient_overlap")
    assert ClaimCode.objects.exists()


# --- Limits ---------------------------------------------------------------------------------------


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply the limits on claims, which the suite's settings turn off, and no other ones."""
    rates = {name: rate if "claim" in name else None for name, rate in settings.RATES.items()}
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", rates)


@pytest.mark.usefixtures("limits")
def test_after_ten_wrong_codes_of_an_account_a_right_one_is_refused(
    record: Patient, user: User, client_of: Any
) -> None:
    code, client = code_for(record), client_of(user)
    for n in range(10):
        wrong = claim(client, "22222222") if n % 2 else claim(client, code, date(2000, 1, n + 1))
        assert_absent(wrong)
    answer = claim(client, code)
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert 0 < int(answer.headers["Retry-After"]) <= 24 * 3600
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    body = {"code": code, "date_of_birth": str(BORN)}
    assert client.post(PATH, body, **elsewhere).status_code == 429
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert claim(client_of(user), code).status_code == 200


@pytest.mark.usefixtures("limits")
def test_ten_wrong_codes_from_an_address_refuse_every_account(
    record: Patient, client_of: Any
) -> None:
    accounts = UserFactory.create_batch(3, email_verified_at=timezone.now())
    for n in range(10):
        assert_absent(claim(client_of(accounts[n % 2]), "22222222"))
    body = {"code": code_for(record), "date_of_birth": str(BORN)}
    client = client_of(accounts[2])
    assert client.post(PATH, body).status_code == 429
    assert client.post(PATH, body, REMOTE_ADDR="192.0.2.7").status_code == 200


@pytest.mark.usefixtures("limits")
def test_only_wrong_codes_count(record: Patient, user: User, client_of: Any) -> None:
    code, client = code_for(record), client_of(user)
    differing = PatientFactory(user=user, first_name="Bob")
    for n in range(24):
        if n % 2:
            assert claim(client, code).status_code == 409
        else:
            assert client.post(PATH, {"code": code}).status_code == 400
        assert client.get(PATH).status_code == 405
    differing.erase()
    assert claim(client, code).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": "", "date_of_birth": "1951-04-24"},
        {"code": 12345678, "date_of_birth": "1951-04-24"},
        {"code": "A" * 65, "date_of_birth": "1951-04-24"},
        {"code": "22222222", "date_of_birth": "24/04/1951"},
        {"code": "22222222", "date_of_birth": None},
    ],
)
def test_a_body_of_another_form_is_400(user: User, client_of: Any, body: Any) -> None:
    assert client_of(user).post(PATH, body).status_code == 400
