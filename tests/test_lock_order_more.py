"""The order of locks when a visit moves, an account closes or an Idempotency-Key is used."""

from pathlib import Path

import pytest
from django.utils import timezone

from accounts.tests.factories import PASSWORD, UserFactory
from appointment.models import IdempotencyKey
from appointment.models.idempotency import PatientAnswer as Answer
from appointment.models.zone_repair import repair
from appointment.tests.factories import AppointmentFactory
from appointment.tests.waitlist import waiting
from doctor.tests.factories import LocationFactory, PublishedScheduleFactory
from patient.tests.factories import DependentFactory
from tests.test_lock_order import (
    BY_KEY,
    LOCK,
    WRITE,
    Verb,
    first,
    keys,
    own_booking,
    rescheduling,
    statements,
    touched_by,
)
from tests.zones import other_zones

pytestmark = [pytest.mark.django_db, pytest.mark.only_on("postgres")]
KEYS = '"appointment_idempotencykey"'


def booking_once() -> Verb:
    user, work = UserFactory(), own_booking()
    answer = IdempotencyKey.objects.answer
    return lambda: answer(user, "key", "print", lambda: Answer(201, str(work())))


def test_both_slots_of_a_move_are_locked_in_one_statement() -> None:
    move = rescheduling()
    sql = statements(move)
    locks = [each for each in sql if LOCK.match(each) and '"doctor_slot"' in each]
    assert [len(keys(each)) for each in locks] == [2]


def test_all_slots_of_an_account_that_is_closed_are_locked_before_one_is_erased() -> None:
    visit = AppointmentFactory()
    user = visit.patient.user
    AppointmentFactory(patient=DependentFactory(user=user))
    sql = statements(lambda: user.close(PASSWORD))
    locks = [each for each in sql if LOCK.match(each) and '"doctor_slot"' in each]
    assert len(keys(locks[0])) == 2


def test_an_idempotency_key_is_inserted_before_other_rows_are_locked() -> None:
    sql = statements(booking_once())
    claim = next(n for n, each in enumerate(sql) if each.startswith("INSERT") and KEYS in each)
    assert claim < first(sql, LOCK, "accounts_user")
    assert not [each for each in sql if LOCK.match(each) and KEYS in each]  # replays need no lock


def test_a_repair_of_times_locks_in_the_order_of_all_verbs(tmp_path: Path) -> None:
    place, at = LocationFactory(time_zone="America/Vancouver"), timezone.now()
    with other_zones(tmp_path / "1", Vancouver="Etc/GMT+7"):
        slots = PublishedScheduleFactory(location=place).slots.all()
        visit = AppointmentFactory(slot=slots[0])
        offered = AppointmentFactory(slot=slots[1])
        waiting(offered)
        offered.cancel()
    with other_zones(tmp_path / "2", Vancouver="Etc/GMT+8"):
        touched = touched_by(lambda: repair(visit.doctor_id, at))
    assert touched == [
        "lock doctor_location",
        "lock doctor_doctor",
        "lock patient_patient",
        "lock doctor_slot",
        "lock appointment_waitlistentry",
        "change appointment_appointment",
    ]


def test_a_repair_of_times_locks_all_slots_in_one_statement(tmp_path: Path) -> None:
    place, at = LocationFactory(time_zone="America/Vancouver"), timezone.now()
    with other_zones(tmp_path / "1", Vancouver="Etc/GMT+7"):
        visit = AppointmentFactory(slot=PublishedScheduleFactory(location=place).slots.last())
    with other_zones(tmp_path / "2", Vancouver="Etc/GMT+8"):
        sql = statements(lambda: repair(visit.doctor_id, at))
    locks = [each for each in sql if LOCK.match(each) and '"doctor_slot"' in each]
    assert all(BY_KEY.search(each) for each in sql if LOCK.match(each))
    assert first(sql, LOCK, "doctor_slot") < first(sql, WRITE, "doctor_slot")
    assert len(locks) == 2  # the second reads them again, to open and close them
