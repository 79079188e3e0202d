"""The order of locks when a visit moves, an account closes or an Idempotency-Key is used."""

import pytest

from accounts.tests.factories import PASSWORD, UserFactory
from appointment.models import IdempotencyKey
from appointment.models.idempotency import PatientAnswer as Answer
from appointment.tests.factories import AppointmentFactory
from patient.tests.factories import DependentFactory
from tests.test_lock_order import LOCK, Verb, first, keys, own_booking, rescheduling, statements

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
