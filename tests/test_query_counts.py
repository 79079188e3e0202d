"""The cost of a call: the statements of a list do not grow with its rows."""

from collections.abc import Callable
from datetime import time
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointment.models.booking import BookAppointment
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Doctor, Location, Schedule, Slot
from doctor.tests.factories import (
    DoctorFactory,
    LanguageFactory,
    LocationFactory,
    ScheduleFactory,
    SpecialtyFactory,
    WeeklyHoursFactory,
    day_ahead,
)
from patient.models import Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db

ROWS = 8


class Rows:
    """A maker of rows for each list; all rows of a list have equally many related rows."""

    def __init__(self, patient: Patient) -> None:
        self.patient = patient
        self.location = LocationFactory()
        self.specialty = SpecialtyFactory()
        self.doctor = self.new_doctor(number=-1)

    def new_doctor(self, number: int) -> Doctor:
        """Make a doctor of two specialties and languages, with sessions at two locations."""
        doctor = DoctorFactory()
        doctor.specialties.set([self.specialty, SpecialtyFactory()])
        doctor.languages.set([LanguageFactory(), LanguageFactory()])
        for days, location in ((3, self.location), (4, LocationFactory())):
            self.session(doctor, day_ahead(days), location)
        return doctor

    def session(self, doctor: Doctor, day: Any, location: Location) -> Schedule:
        return ScheduleFactory(doctor=doctor, location=location, date=day, end_time=time(10))

    def new_session(self, number: int) -> None:
        ScheduleFactory(doctor=self.doctor, date=day_ahead(10 + number), end_time=time(10))

    def new_visit(self, number: int) -> None:
        """Make a visit to a doctor and a location of its own. Every other one is canceled."""
        session = ScheduleFactory(date=day_ahead(10 + number), end_time=time(10))
        visit = AppointmentFactory(patient=self.patient, slot=session.slots.first())
        if number % 2:
            visit.cancel(by=self.patient.user, at=visit.created_at)

    def new_entry(self, number: int) -> None:
        """Make an entry in the medical history of a new dependent."""
        child = DependentFactory(user=self.patient.user)
        MedicalHistoryFactory(patient=child)

    def new_hours(self) -> None:
        """Make weekly hours of a new doctor at a new location, over and without a session."""
        WeeklyHoursFactory(valid_from=day_ahead(-9), valid_until=day_ahead(-1))

    def new_wait(self, number: int) -> None:
        """Make a waitlist entry for a new doctor, whose only visit is canceled after it."""
        session = ScheduleFactory(date=day_ahead(10 + number), slot_minutes=None)
        visit = AppointmentFactory(slot=session.slots.get())
        whose = self.patient if number % 2 else DependentFactory(user=self.patient.user)
        WaitlistEntryFactory(patient=whose, doctor=session.doctor, last_date=day_ahead(100))
        visit.cancel()


LISTS: dict[str, Callable[[Rows, int], object]] = {
    "/api/doctor/doctors/": Rows.new_doctor,
    "/api/doctor/by-specialty/{specialty}/": Rows.new_doctor,
    "/api/doctor/specialties/": lambda rows, number: SpecialtyFactory(),
    "/api/doctor/languages/": lambda rows, number: LanguageFactory(),
    "/api/doctor/locations/": lambda rows, number: LocationFactory(),
    "/api/doctor/schedules/": Rows.new_session,
    "/api/auth/devices/": lambda rows, number: rows.patient.user.issue_token(),
    "/api/patient/dependents/": lambda rows, number: DependentFactory(user=rows.patient.user),
    "/api/patient/medical-history/": Rows.new_entry,
    "/api/appointment/my-appointments/": Rows.new_visit,
    "/api/appointment/waitlist/": Rows.new_wait,
}


@pytest.fixture
def rows(patient: Patient) -> Rows:
    return Rows(patient)


def statements_of(client: APIClient, path: str, **query: str) -> tuple[int, int]:
    """Return the number of rows that the list shows and the number of its SQL statements."""
    with counted_statements() as statements:
        answer = client.get(path, query_params={"page_size": 100, **query})
    assert answer.status_code == 200
    return len(answer.json()["results"]), len(statements)


@pytest.mark.parametrize("path", LISTS)
def test_a_list_takes_as_many_statements_for_8_rows_as_for_1(
    path: str, rows: Rows, client_of
) -> None:
    make = LISTS[path]
    client = client_of(rows.patient.user)
    path = path.format(specialty=rows.specialty.pk)
    make(rows, 0)
    few, statements_for_few = statements_of(client, path)
    for number in range(1, ROWS):
        make(rows, number)
    many, statements_for_many = statements_of(client, path)
    assert few >= 1
    assert many >= few + ROWS - 1
    assert statements_for_many == statements_for_few


def test_a_list_of_sessions_for_staff_takes_as_many_statements_for_8_rows_as_for_1(
    rows: Rows, staff: User, client_of
) -> None:
    def listed() -> int:
        return statements_of(client_of(User.objects.get(pk=staff.pk)), "/api/doctor/schedules/")[1]

    before = listed()
    for number in range(ROWS):
        rows.new_session(number)
    assert listed() == before


def test_a_list_of_weekly_hours_takes_as_many_statements_for_8_rows_as_for_1(
    rows: Rows, superuser: User, client_of
) -> None:
    def listed() -> int:
        client = client_of(User.objects.get(pk=superuser.pk))
        return statements_of(client, "/api/doctor/weekly-hours/")[1]

    rows.new_hours()
    before = listed()
    for _ in range(ROWS):
        rows.new_hours()
    assert listed() == before


@pytest.mark.parametrize("family", [False, True])
def test_own_visits_take_four_statements_with_their_count(
    family: bool, rows: Rows, client_of
) -> None:
    client, path = client_of(rows.patient.user), "/api/appointment/my-appointments/"
    rows.new_visit(0)
    if family:
        DependentFactory(user=rows.patient.user)
    costs, pages = [], []
    for page in (1, 2):
        with counted_statements() as statements:
            answer = client.get(path, query_params={"page": page})
        costs.append(len(statements))
        pages.append((answer.status_code, answer.json().get("count")))
    assert pages == [(200, 1), (404, None)]
    assert costs[0] == 4  # the token, the patients, the page with the count, the audit event


# --- Free slots -----------------------------------------------------------------------------------


def slots_path(doctor: Doctor) -> str:
    return f"/api/doctor/doctors/{doctor.pk}/available-slots/"


@pytest.mark.parametrize("signed_in", [False, True])
def test_free_slots_take_one_statement_however_many_there_are(
    signed_in: bool, rows: Rows, client_of
) -> None:
    client, doctor = client_of(UserFactory() if signed_in else None), DoctorFactory()
    place = ScheduleFactory(doctor=doctor, slot_minutes=120).location
    client.get(slots_path(doctor))  # this process learns of the new location
    few, statements_for_few = statements_of(client, slots_path(doctor))
    day = day_ahead(4)
    ScheduleFactory(doctor=doctor, location=place, date=day, end_time=time(18), slot_minutes=10)
    many, statements_for_many = statements_of(client, slots_path(doctor))
    assert (few, many) == (1, 55)
    assert statements_for_many == statements_for_few == (2 if signed_in else 1)


def test_free_slots_make_no_model_object_of_a_slot(
    client_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = ScheduleFactory()

    def refuse(*args: object) -> None:
        raise AssertionError("a slot was loaded as an object")

    for model in (Slot, Schedule):
        monkeypatch.setattr(model, "from_db", refuse)
        monkeypatch.setattr(model, "__init__", refuse)
    assert statements_of(client_of(None), slots_path(session.doctor))[0] == 4


def test_explained_slots_take_as_many_statements_for_55_as_for_1(rows: Rows, client_of) -> None:
    client, doctor = client_of(rows.patient.user), DoctorFactory()

    def cost() -> tuple[int, int]:
        return statements_of(client, slots_path(doctor), explain="true")

    ScheduleFactory(doctor=doctor, slot_minutes=120)
    rows.new_visit(0)
    costs = [cost()]
    ScheduleFactory(doctor=doctor, date=day_ahead(4), end_time=time(18), slot_minutes=10)
    for number in range(1, 5):
        rows.new_visit(number)
    costs.append(cost())
    assert costs == [(1, 6), (55, 6)]
    # the token, the locations, the patient, the audit event, the visits, the slots


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("narrowed", [False, True])
def test_a_page_of_the_search_is_one_query_however_many_doctors(
    signed_in: bool, narrowed: bool, rows: Rows, client_of
) -> None:
    client = client_of(UserFactory() if signed_in else None)
    query: dict[str, object] = {"page_size": 100}
    if narrowed:
        query |= {"specialty": rows.specialty.pk, "from": day_ahead(0), "to": day_ahead(9)}
    costs = []
    for _ in range(2):
        with counted_statements() as statements:
            found = client.get("/api/doctor/slots/", query_params=query).json()["results"]
        costs.append(len(statements))
        for number in range(20):
            rows.new_doctor(number)
    assert len(found) > 40
    assert costs == [3 if signed_in else 2] * 2  # the token, the locations, the page


# --- Booking --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["slot_id", "schedule_id"])
@pytest.mark.parametrize("known", [True, False], ids=["with a profile", "without a profile"])
def test_booking_takes_at_most_nine_statements_and_five_more_for_a_new_profile(
    by: str, known: bool, patient: Patient, client_of
) -> None:
    user = patient.user if known else UserFactory()
    session = ScheduleFactory(end_time=time(17), slot_minutes=10)
    for days in (3, 4):
        taken = ScheduleFactory(date=day_ahead(days), start_time=time(18), end_time=time(20))
        AppointmentFactory(patient=patient, slot=taken.slots.first())
    key = session.pk if by == "schedule_id" else session.slots.first().pk
    client = client_of(user)
    with counted_statements() as statements:
        answer = client.post(f"/api/appointment/book/{session.doctor_id}/", {by: key})
    assert answer.status_code == 201
    assert len(statements) <= (9 if known else 14), "\n".join(statements)


# The statements of a call on PostgreSQL and on SQLite, where the rows of each model are one more.
# Without those of the limits of calls: one of all calls, and one of bookings and moves.
STATEMENTS = {
    "book": (5, 9),
    "book with a key": (7, 11),
    "book a full slot": (8, 8),
    "book a slot that is full by then": (9, 9),
    "cancel with a key": (10, 13),
    "reschedule with a key": (15, 18),
}


@pytest.mark.both_databases
@pytest.mark.parametrize("call", STATEMENTS)
def test_a_call_that_changes_a_visit_takes_this_many_statements(
    call: str, patient: Patient, client_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = ScheduleFactory(end_time=time(13), capacity=1)
    slot, other, third = session.slots.order_by("starts_at")[:3]
    visit, full = AppointmentFactory(patient=patient, slot=slot), AppointmentFactory(slot=other)
    if call == "book a slot that is full by then":
        load = BookAppointment.load_candidates

        def load_what_then_fills(booking: BookAppointment, wanted: Any) -> None:
            load(booking, wanted)
            booking.candidates[0].taken = 0  # as if the other visit had been booked after this

        monkeypatch.setattr(BookAppointment, "load_candidates", load_what_then_fills)
    client, key = client_of(patient.user), {"Idempotency-Key": "a"} if "key" in call else {}
    path, body = {
        "book": ("book/{doctor}", {"slot_id": full.slot_id if "full" in call else third.pk}),
        "canc": ("cancel/{visit}", {"reason": "A cold"}),
        "resc": ("reschedule/{visit}", {"slot_id": third.pk}),
    }[call[:4]]
    path = f"/api/appointment/{path.format(doctor=session.doctor_id, visit=visit.pk)}/"
    with counted_statements() as statements:
        answer = client.post(path, {"reason": "A cough", **body}, headers=key)
    assert answer.status_code == (409 if "full" in call else 201 if "book" in call else 200)
    expected = STATEMENTS[call][connection.vendor == "sqlite"]
    assert len(statements) == expected, "\n".join(statements)
