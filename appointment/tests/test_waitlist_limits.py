"""A patient waits once for one wish, and an account has a limited number of entries in line."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from appointment.exceptions import AlreadyWaiting, TooManyEntries
from appointment.models import WaitlistEntry
from appointment.models.waitlist import MAX_ENTRIES
from appointment.tests.factories import WaitlistEntryFactory
from appointment.tests.waitlist import only_visit, waiting
from doctor.models import Doctor
from doctor.tests.factories import DoctorFactory, SpecialtyFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.admin_client import AdminClient, form_errors
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db

MONDAY = day_ahead(10) - timedelta(days=day_ahead(10).weekday())  # from 4 to 10 days ahead


def days(first: int, last: int, *weekdays: int) -> dict[str, Any]:
    """Return criteria: dates this many days after the Monday, and weekdays if there are any."""
    bits = sum(1 << day for day in weekdays)
    span = {
        "first_date": MONDAY + timedelta(days=first),
        "last_date": MONDAY + timedelta(days=last),
    }
    return {**span, "weekday_bits": bits}


def join(patient: Patient, **criteria: Any) -> WaitlistEntry:
    wish = {"doctor": None, **days(0, 20), **criteria}
    return WaitlistEntry(patient=patient, **wish).join()


@pytest.fixture
def doctor() -> Doctor:
    """Return a doctor without a free slot."""
    return DoctorFactory()


# --- The same wish twice --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "meet"),
    [
        (days(0, 6), days(0, 6), True),
        (days(0, 6), days(6, 9), True),
        (days(0, 6), days(7, 9), False),
        (days(0, 20), days(3, 4), True),
        (days(0, 20, 0, 1), days(0, 20, 1, 2), True),
        (days(0, 20, 0, 1), days(0, 20, 2, 3), False),
        (days(0, 20, 0), days(0, 20), True),
        (days(0, 7, 0), days(7, 9, 0), True),
        (days(0, 6, 0), days(6, 12, 0), False),  # they share a Sunday only
        (days(0, 2), days(0, 20, 3), False),  # until Wednesday, and Thursdays
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_same_wish_on_days_that_meet_is_refused(
    patient: Patient, doctor: Doctor, first: Any, second: Any, meet: bool, turned: bool
) -> None:
    one, other = (second, first) if turned else (first, second)
    join(patient, doctor=doctor, **one)
    if meet:
        with pytest.raises(AlreadyWaiting):
            join(patient, doctor=doctor, **other)
    else:
        assert join(patient, doctor=doctor, **other).pk


def test_the_times_of_day_do_not_make_another_wish(patient: Patient, doctor: Doctor) -> None:
    join(patient, doctor=doctor, end_time=time(12))
    with pytest.raises(AlreadyWaiting):
        join(patient, doctor=doctor, start_time=time(12))


def test_the_dates_may_reach_to_the_end_of_the_calendar(patient: Patient, doctor: Doctor) -> None:
    join(patient, doctor=doctor, first_date=date.max, last_date=date.max)
    with pytest.raises(AlreadyWaiting):
        join(patient, doctor=doctor, first_date=date.max, last_date=date.max)


def test_another_person_doctor_or_specialty_is_another_wish(
    patient: Patient, doctor: Doctor
) -> None:
    specialty = SpecialtyFactory()
    doctor.specialties.add(specialty)
    join(patient, doctor=doctor)
    join(patient, specialty=specialty)
    join(patient, doctor=DoctorFactory())
    join(DependentFactory(user=patient.user), doctor=doctor)
    with pytest.raises(AlreadyWaiting):
        join(patient, specialty=specialty)


@pytest.mark.parametrize(
    ("state", "live"),
    [
        ({}, True),
        ({"status": "accepted"}, False),
        ({"status": "declined"}, False),
        ({"status": "expired"}, False),
        ({"first_date": day_ahead(-9), "last_date": day_ahead(-2)}, False),
    ],
)
def test_only_entries_in_line_count(patient: Patient, state: Any, live: bool) -> None:
    visit = only_visit()
    other = waiting(visit, patient=patient, **state)
    for _ in range(MAX_ENTRIES - 1):
        WaitlistEntryFactory(patient=patient)
    wish = WaitlistEntry(
        patient=patient,
        doctor=visit.doctor,
        first_date=other.first_date,
        last_date=max(other.last_date, day_ahead(5)),
    )
    if live:
        with pytest.raises(AlreadyWaiting):
            wish.join()
        wish.doctor = DoctorFactory()
        with pytest.raises(TooManyEntries):
            wish.join()
    else:
        assert wish.join().pk


def test_an_offered_entry_counts_and_one_left_does_not(patient: Patient) -> None:
    visit = only_visit()
    entry = waiting(visit, patient=patient)
    visit.cancel()
    with pytest.raises(AlreadyWaiting):
        join(patient, doctor=visit.doctor)
    entry.leave()
    visit.slot.schedule.revise(is_active=False)
    assert join(patient, doctor=visit.doctor).pk


# --- Entries of an account ------------------------------------------------------------------------


def test_an_account_has_at_most_ten_entries_over_all_its_people(
    patient: Patient, other_patient: Patient
) -> None:
    child = DependentFactory(user=patient.user)
    entries = [WaitlistEntryFactory(patient=person) for person in (patient, child) * 5]
    assert len(entries) == 10
    for person in (patient, child):
        with pytest.raises(TooManyEntries):
            join(person, doctor=DoctorFactory())
    assert join(other_patient, doctor=DoctorFactory()).pk
    entries[0].leave()
    assert join(child, doctor=DoctorFactory()).pk


def test_a_person_without_an_account_counts_alone() -> None:
    one, other = PatientFactory.create_batch(2, user=None)
    WaitlistEntryFactory.create_batch(10, patient=one)
    with pytest.raises(TooManyEntries):
        join(one, doctor=DoctorFactory())
    assert join(other, doctor=DoctorFactory()).pk


# --- What callers and staff are told --------------------------------------------------------------


def test_the_api_answers_409_with_the_code(patient: Patient, client_of: Any) -> None:
    client, doctor = client_of(patient.user), DoctorFactory()
    body = {"doctor": doctor.pk, "from": str(day_ahead(1)), "to": str(day_ahead(9))}
    path = "/api/appointment/waitlist/"
    assert client.post(path, body).status_code == 201
    assert_problem(client.post(path, body), 409, "already_waiting")
    WaitlistEntryFactory.create_batch(9, patient=patient)
    other = {**body, "doctor": DoctorFactory().pk}
    assert_problem(client.post(path, other), 409, "too_many_entries")
    assert WaitlistEntry.objects.count() == 10


def test_the_admin_shows_the_sentence(patient: Patient, staff: Any, doctor: Doctor) -> None:
    join(patient, doctor=doctor)
    filled = {"patient": patient.pk, "first_date": day_ahead(8), "last_date": day_ahead(9)}
    add, reception = "/admin/appointment/waitlistentry/add/", AdminClient(staff)
    [fault] = form_errors(reception.send(add, **filled, doctor=doctor.pk))
    assert fault == str(AlreadyWaiting.message)
    WaitlistEntryFactory.create_batch(9, patient=patient)
    [fault] = form_errors(reception.send(add, **filled, doctor=DoctorFactory().pk))
    assert fault == str(TooManyEntries.message)


# --- Wishes that cannot come true -----------------------------------------------------------------


def test_one_of_the_weekdays_lies_between_the_dates(patient: Patient, doctor: Doctor) -> None:
    for never in (days(2, 2, 3), days(0, 4, 5, 6), days(5, 9, 3, 4)):
        with pytest.raises(ValidationError) as refusal:
            join(patient, doctor=doctor, **never)
        assert set(refusal.value.message_dict) == {"weekdays"}
    join(patient, doctor=doctor, **days(2, 2, 2))
    join(patient, doctor=doctor, **days(5, 9, 2))


def test_a_weekday_that_is_over_does_not_count(patient: Patient, doctor: Doctor) -> None:
    wednesday = datetime.combine(MONDAY + timedelta(days=2), time(12), UTC)
    with pytest.raises(ValidationError):
        WaitlistEntry(patient=patient, doctor=doctor, **days(-1, 5, 6)).join(at=wednesday)
    WaitlistEntry(patient=patient, doctor=doctor, **days(-1, 6, 6)).join(at=wednesday)


def test_the_api_names_the_weekdays(patient: Patient, client_of: Any, doctor: Doctor) -> None:
    wednesday = str(MONDAY + timedelta(days=2))
    wish = {"doctor": doctor.pk, "from": wednesday, "to": wednesday}
    path, client = "/api/appointment/waitlist/", client_of(patient.user)
    codes = assert_invalid(client.post(path, {**wish, "weekdays": [3]}), "weekdays")
    assert codes == {"weekdays": "date_range"}
    answer = client.post(path, {**wish, "weekdays": [2, 2, 2]})
    assert (answer.status_code, answer.json()["weekdays"]) == (201, [2])


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_date": "0001-01-01"},
        {"last_date": "9999-12-31"},
        {"first_date": "2199-01-01", "last_date": "2199-01-02"},
        {"weekdays": [(day_ahead(8).weekday() + 3) % 7]},
    ],
)
def test_the_admin_refuses_what_cannot_come_true(
    patient: Patient, staff: Any, doctor: Doctor, wrong: dict[str, Any]
) -> None:
    filled = {"patient": patient.pk, "first_date": day_ahead(8), "last_date": day_ahead(9)}
    add, reception = "/admin/appointment/waitlistentry/add/", AdminClient(staff)
    assert form_errors(reception.send(add, **{**filled, **wrong}, doctor=doctor.pk))
    assert not WaitlistEntry.objects.exists()
