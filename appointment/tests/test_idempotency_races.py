"""Concurrent requests with one Idempotency-Key do the work once, and all get one answer."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any

import pytest
from rest_framework.test import APIClient

from appointment.models import Appointment, IdempotencyKey
from appointment.tests.factories import AppointmentFactory
from appointment.tests.rescheduling import assert_places, free
from appointment.tests.retries import KEY, book, cancel, reschedule
from doctor.models import Slot
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.threads import run_together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

SENDS = 8
LONG = 10.0  # seconds


def at_once(patient: Patient, *sends: Callable[[APIClient], Any]) -> list[Any]:
    """Send the requests at once, each in a thread with a new client of the patient.

    Return (status, body, Idempotency-Replayed header or None) of each response.
    """
    token = patient.user.issue_token()[0]

    def send(number: int) -> Any:
        client = APIClient(HTTP_AUTHORIZATION=f"Token {token}")
        answer = sends[number](client)
        return answer.status_code, answer.content, answer.get("Idempotency-Replayed")

    return run_together(len(sends), send)


def assert_one_answer(reported: list[Any], status: int) -> None:
    """Check that one request did the work and the others got its answer byte for byte."""
    assert len({answer[:2] for answer in reported}) == 1, reported
    assert {answer[0] for answer in reported} == {status}
    assert Counter(answer[2] for answer in reported) == {None: 1, "true": len(reported) - 1}


@pytest.fixture
def slot() -> Slot:
    return free(capacity=SENDS)


def test_eight_simultaneous_bookings_with_one_key_make_one_visit(
    patient: Patient, slot: Slot
) -> None:
    reported = at_once(patient, *[partial(book, slot=slot)] * SENDS)
    assert_one_answer(reported, 201)
    assert_places((slot, 1))


def test_simultaneous_first_bookings_make_one_profile_and_one_visit(slot: Slot) -> None:
    patient = PatientFactory()
    user = patient.user
    patient.erase()
    reported = at_once(Patient(user=user), *[partial(book, slot=slot)] * SENDS)
    assert_one_answer(reported, 201)
    assert Patient.objects.filter(user=user).count() == 1
    assert_places((slot, 1))


def test_simultaneous_cancelations_with_one_key_cancel_once(patient: Patient, slot: Slot) -> None:
    visit = AppointmentFactory(patient=patient, slot=slot)
    assert_one_answer(at_once(patient, *[partial(cancel, visit=visit)] * SENDS), 200)
    assert visit.events.filter(kind="canceled").count() == 1


def test_simultaneous_moves_with_one_key_move_once(patient: Patient, slot: Slot) -> None:
    visit, new = AppointmentFactory(patient=patient, slot=slot), free(6)
    reported = at_once(patient, *[partial(reschedule, visit=visit, to=new)] * SENDS)
    assert_one_answer(reported, 200)
    assert visit.events.filter(kind="rescheduled").count() == 1
    assert_places((slot, 0), (new, 1))


def test_one_of_two_simultaneous_requests_with_one_key_is_done(
    patient: Patient, slot: Slot
) -> None:
    other = free(6)
    reported = at_once(patient, partial(book, slot=slot), partial(book, slot=other))
    assert sorted(answer[0] for answer in reported) == [201, 422]
    assert Appointment.objects.count() == IdempotencyKey.objects.count() == 1


def test_simultaneous_bookings_with_different_keys_are_all_made(patient: Patient) -> None:
    slots = [free(days, capacity=2) for days in range(5, 9)]
    sends = [partial(book, slot=slot, key=f"{KEY}-{slot.pk}") for slot in slots]
    assert [answer[0] for answer in at_once(patient, *sends)] == [201] * len(slots)


# --- The second request arrives while the first runs ----------------------------------------------


@pytest.fixture
def at_work(monkeypatch: pytest.MonkeyPatch) -> tuple[Event, Event]:
    """Return `begun`, which a booking sets once it has its place, and `go_on`, which it awaits."""
    begun, go_on, enter = Event(), Event(), Appointment.save_booked

    def enter_late(self: Appointment, *args: Any) -> None:
        begun.set()
        assert go_on.wait(LONG)
        enter(self, *args)

    monkeypatch.setattr(Appointment, "save_booked", enter_late)
    return begun, go_on


def test_the_second_request_waits_for_the_first_and_gets_its_answer(
    patient: Patient, slot: Slot, at_work: tuple[Event, Event]
) -> None:
    begun, go_on = at_work

    def later(client: APIClient) -> Any:
        assert begun.wait(LONG)
        return book(client, slot)

    def release(_: APIClient) -> Any:
        assert begun.wait(LONG)
        assert not go_on.wait(0.5)  # time for the second request to arrive and wait
        assert not Appointment.objects.exists()
        go_on.set()
        return APIClient().get("/healthz")

    first, second, _ = at_once(patient, partial(book, slot=slot), later, release)
    assert (first[0], first[2]) == (201, None)
    assert second == (*first[:2], "true")
    assert_places((slot, 1))


@pytest.mark.only_on("postgres")  # SQLite has one writer at a time
def test_different_keys_do_not_wait_for_each_others_answer(
    patient: Patient, slot: Slot, at_work: tuple[Event, Event]
) -> None:
    begun, go_on = at_work
    visit = AppointmentFactory(patient=patient)

    def meanwhile(client: APIClient) -> Any:
        assert begun.wait(LONG)
        answer = cancel(client, visit, key=f"{KEY}-cancel")
        go_on.set()  # the booking ends only now
        return answer

    booking, cancelation = at_once(patient, partial(book, slot=slot), meanwhile)
    assert (booking[0], cancelation[0]) == (201, 200)


def test_the_second_request_does_the_work_if_the_first_is_refused(
    patient: Patient, slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, enter = Event(), Appointment.save_booked

    def fail_once(self: Appointment, *args: Any) -> None:
        if not begun.is_set():
            begun.set()
            Event().wait(0.5)  # time for the second request to wait for the key
            raise Slot.DoesNotExist
        enter(self, *args)

    def later(client: APIClient) -> Any:
        assert begun.wait(LONG)
        return book(client, slot)

    monkeypatch.setattr(Appointment, "save_booked", fail_once)
    first, second = at_once(patient, partial(book, slot=slot), later)
    assert (first[0], second[0], second[2]) == (404, 201, None)
    assert_places((slot, 1))
