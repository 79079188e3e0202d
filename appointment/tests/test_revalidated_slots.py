"""The ETag of a doctor's free slots: 304 while the list is the same, and never longer."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Location, Slot
from doctor.models.free_slots import locations_of
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory
from patient.models import Patient
from tests.answers import faults

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

ROUTE = "/api/doctor/doctors/{doctor_id}/available-slots/"
MONDAY = date(2026, 11, 30)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(datetime(2026, 11, 30, 6, tzinfo=UTC), tick=False) as clock:
        yield clock


@pytest.fixture
def doctor() -> Doctor:
    """Return a doctor with eight slots at one location, and four at another."""
    doctor = DoctorFactory()
    for days, end in ((0, time(11)), (1, time(11)), (9, time(11))):
        place = doctor.schedules.first().location if days == 1 else LocationFactory()
        day = MONDAY + timedelta(days=days)
        ScheduleFactory(doctor=doctor, location=place, date=day, end_time=end)
    return doctor


def ask(doctor: Doctor, etag: str = "", method: str = "get", query: str = "") -> Any:
    headers = {"If-None-Match": etag} if etag else {}
    path = ROUTE.format(doctor_id=doctor.pk) + query
    return getattr(Client(), method)(path, headers=headers)


def test_a_client_that_has_the_list_gets_304_without_a_body(doctor: Doctor) -> None:
    answer = ask(doctor)
    again = ask(doctor, answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert {"Content-Length", "Content-Type"}.isdisjoint(again.headers)
    for name in ("ETag", "Vary", "Cache-Control"):
        assert again[name] == answer[name]
    assert again["Cache-Control"] == "no-cache"
    assert again["X-Request-ID"] != answer["X-Request-ID"]
    assert list(faults("GET", ROUTE, again)) == list(faults("GET", ROUTE, answer)) == []


def test_if_none_match_takes_a_star_and_several_tags_and_compares_weakly(doctor: Doctor) -> None:
    etag = ask(doctor)["ETag"]
    assert etag.startswith('W/"')
    for known in ("*", etag.removeprefix("W/"), f'"other", {etag}', f'{etag}, W/"other"'):
        assert ask(doctor, known).status_code == 304, known
    for other in ('"other"', etag.strip('W/"'), f"W/{etag}", "é", ", ,"):
        assert ask(doctor, other).status_code == 200, other


def test_head_answers_as_get_without_the_body(doctor: Doctor) -> None:
    etag = ask(doctor)["ETag"]
    head = ask(doctor, method="head")
    assert (head.status_code, head["ETag"], head.content) == (200, etag, b"")
    assert ask(doctor, etag, "head").status_code == 304


def test_only_what_everybody_sees_has_an_etag(doctor: Doctor, patient: Patient, client_of) -> None:
    own = client_of(patient.user)
    path = ROUTE.format(doctor_id=doctor.pk)
    private = [own.get(path, {"patient": patient.pk}), own.get(path, {"explain": "true"})]
    page = Client().get(path, headers={"Accept": "text/html", "If-None-Match": "*"})
    refused = Client().get(path, {"to": "2030-01-01"}, headers={"If-None-Match": "*"})
    absent = ask(doctor, "*", query="no-such-path/")
    for answer in (*private, ask(doctor, "*", query="?explain=true"), page, refused, absent):
        assert answer.status_code in {200, 400, 404}
        assert "no-store" in answer["Cache-Control"]
        assert "ETag" not in answer
    assert own.get(path)["ETag"] == ask(doctor)["ETag"]


def test_another_window_or_doctor_has_another_etag(doctor: Doctor) -> None:
    idle = [ask(DoctorFactory())["ETag"] for _ in range(2)]
    windows = [ask(doctor, query=q)["ETag"] for q in ("", "?to=2026-12-01", "?location=0")]
    assert len({*idle, *windows}) == 5


def test_the_next_release_may_write_a_slot_otherwise(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = ask(doctor)["ETag"]
    monkeypatch.setattr("doctor.models.free_slots.FORM", "of the next release")
    assert ask(doctor, etag).status_code == 200


@pytest.mark.parametrize("known", ["", "[]", '[[1, null, null, "Asia/Tokyo"]]'])
def test_rules_that_a_process_knew_before_change_no_answer(
    known: str, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    """In Auckland it is the first of December, in UTC and in Tokyo the last of November."""
    Location.objects.update(time_zone="Pacific/Auckland", min_notice_minutes=1500, horizon_days=4)
    for query in ("", "?to=2026-11-30", "?to=2026-12-03", "?from=2026-11-30", "?location=0"):
        clock.move_to(datetime(2026, 11, 30, 12, tzinfo=UTC))
        expected = ask(doctor, query=query)
        monkeypatch.setattr("doctor.models.free_slots._LastRead.rules", known)
        answer = ask(doctor, query=query)
        assert (answer.status_code, answer.content) == (expected.status_code, expected.content)
        assert answer.get("ETag") == expected.get("ETag")
        assert query != "?to=2026-11-30" or answer.status_code == 400
        assert query or answer.json()["from"] == "2026-12-01"


def test_a_last_date_alone_is_valid_by_the_rules_as_they_are(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    """In New York it is still the last of November, in UTC and in Tokyo the first of December."""
    Location.objects.update(time_zone="America/New_York")
    clock.move_to(datetime(2026, 12, 1, 3, tzinfo=UTC))
    known = '[[1, null, null, "Asia/Tokyo"]]'
    monkeypatch.setattr("doctor.models.free_slots._LastRead.rules", known)
    assert ask(doctor, query="?to=2026-11-30").json()["from"] == "2026-11-30"


def test_an_absent_doctor_is_absent_whatever_the_query(doctor: Doctor) -> None:
    doctor.is_active = False
    doctor.publish()
    for query in ("", "?location=0", "?from=2026-11-30", "?to=2026-12-24"):
        assert ask(doctor, "*", query=query).status_code == 404


# --- Whatever happens, the same ETag is the same list -------------------------------------------


def book(doctor: Doctor, clock: Any) -> None:
    free = Slot.objects.filter(doctor=doctor, is_open=True, starts_at__gt=datetime.now(UTC))
    slot = free.filter(taken=0).order_by("?").first()
    if slot:
        AppointmentFactory(slot=slot)


def cancel(doctor: Doctor, clock: Any) -> None:
    visit = Appointment.objects.upcoming(datetime.now(UTC)).filter(doctor=doctor).first()
    if visit:
        visit.cancel()


def offer(doctor: Doctor, clock: Any) -> None:
    """Hold a place until some minutes on, as an open offer does."""
    lapses = datetime.now(UTC) + timedelta(minutes=40)
    slot = Slot.objects.filter(doctor=doctor, taken=0, hold_lapses_at=None).last()
    if slot:
        Slot.objects.filter(pk=slot.pk).update(taken=1, hold_lapses_at=lapses)


def add_place(doctor: Doctor, clock: Any) -> None:
    slot = Slot.objects.filter(doctor=doctor, ends_at__gt=datetime.now(UTC), is_open=True).first()
    if slot:
        slot.add_place(None, "He is in pain.")


def close(doctor: Doctor, clock: Any) -> None:
    doctor.accepts_patients = not doctor.accepts_patients
    doctor.publish()


def rule(name: str, values: tuple[Any, ...]) -> Callable[[Doctor, Any], None]:
    """Return a step that gives a location of the doctor another one of these values."""

    def change(doctor: Doctor, clock: Any) -> None:
        place = random.choice(locations_of(doctor.pk))
        Location.objects.filter(pk=place.pk).update(**{name: random.choice(values)})

    return change


def wait(doctor: Doctor, clock: Any) -> None:
    clock.shift(timedelta(minutes=random.choice([1, 25, 60, 700])))


Step = Callable[[Doctor, Any], None]
STEPS: list[Step] = [book, book, cancel, offer, add_place, close, close, wait, wait]
STEPS += [
    rule("min_notice_minutes", (None, 60, 3000)),
    rule("horizon_days", (None, 0, 8)),
    rule("time_zone", ("Europe/Madrid", "Europe/London", "Asia/Kolkata")),
]


def test_the_same_etag_is_the_same_list_whatever_happens(doctor: Doctor, clock: Any) -> None:
    random.seed(1)
    bodies: dict[str, bytes] = {}
    changes = 0
    for _ in range(40):
        before = ask(doctor)
        random.choice(STEPS)(doctor, clock)
        after = ask(doctor, before["ETag"])
        changed = after.status_code == 200
        now = ask(doctor)
        assert changed == (now["ETag"] != before["ETag"])
        assert changed or now.content == before.content
        assert bodies.setdefault(now["ETag"], now.content) == now.content
        changes += changed
    assert 5 < changes < 40
