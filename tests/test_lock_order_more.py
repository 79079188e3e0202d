"""The order of locks when a visit moves, an account closes or an Idempotency-Key is used."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import PASSWORD, SuperuserFactory, UserFactory
from appointment.models import Appointment, IdempotencyKey, Offer
from appointment.models.idempotency import PatientAnswer as Answer
from appointment.models.zone_repair import repair
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import only_visit, waiting
from doctor.tests.factories import (
    LocationFactory,
    PublishedScheduleFactory,
    ScheduleFactory,
    day_ahead,
)
from patient.models import ClaimCode
from patient.tests.factories import DependentFactory, PatientFactory
from tests.test_lock_order import (
    BY_KEY,
    LOCK,
    ORDER,
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
BORN = date(1951, 4, 24)
KEYS = '"appointment_idempotencykey"'


def booking_once() -> Verb:
    user, work = UserFactory(), own_booking()
    answer = IdempotencyKey.objects.answer
    return lambda: answer(user, "key", "print", lambda: Answer(201, str(work())))


def merging() -> Verb:
    kept, gone = AppointmentFactory().patient, PatientFactory(user=None)
    WaitlistEntryFactory(patient=gone)
    return lambda: kept.merge(gone)


def claiming() -> Verb:
    record = PatientFactory(user=None, date_of_birth=BORN)
    own = AppointmentFactory(patient__first_name="Ana", patient__last_name=record.last_name).patient
    code = ClaimCode.objects.issue(record, by=None)
    return lambda: ClaimCode.objects.claim(own.user, code, BORN)


def marking() -> Verb:
    visit = AppointmentFactory()
    WaitlistEntryFactory(patient=visit.patient)
    return visit.patient.mark_deceased


@pytest.mark.parametrize("prepare", [merging, claiming, marking])
def test_verbs_of_a_person_lock_users_patients_slots_entries_then_visits(
    prepare: Callable[[], Verb],
) -> None:
    tables = [touch.split()[1] for touch in touched_by(prepare())]
    assert tables == sorted(tables, key=ORDER.index)
    assert tables[:2] == ["accounts_user", "patient_patient"]
    assert tables[-3:] == ORDER[-3:]


@pytest.mark.parametrize("prepare", [merging, claiming, marking])
def test_verbs_of_a_person_lock_by_key(prepare: Callable[[], Verb]) -> None:
    locks = [sql for sql in statements(prepare()) if LOCK.match(sql)]
    assert [sql for sql in locks if "FOR NO KEY UPDATE" not in sql] == []
    assert [sql for sql in locks if not BY_KEY.search(sql)] == []


def touched(sql: str) -> str | None:
    """Return the table that the statement locks, or None."""
    lock = LOCK.match(sql)
    return lock and lock[1]


def test_all_slots_of_both_records_are_locked_in_one_statement() -> None:
    slots = ScheduleFactory().slots.all()
    kept = AppointmentFactory(slot=slots[0]).patient
    gone = AppointmentFactory(slot=slots[1], patient=PatientFactory(user=None)).patient
    sql = statements(lambda: kept.merge(gone))
    assert keys(sql[first(sql, LOCK, "doctor_slot")]) == {slots[0].pk, slots[1].pk}
    of_patients = [each for each in sql if touched(each) == "patient_patient"]
    assert [keys(each) for each in of_patients] == [{kept.pk, gone.pk}]


def test_a_bulk_deletion_also_locks_slots_offered_to_entries_that_replace_a_visit() -> None:
    offered, others = only_visit(), [only_visit(), only_visit(date=day_ahead(6))]
    waiting(offered, patient=others[1].patient, replaces=others[1])
    offered.cancel()
    visits = Appointment.objects.filter(pk__in=[visit.pk for visit in others])
    sql = statements(visits.lock_slots)
    assert keys(sql[first(sql, LOCK, "doctor_slot")]) == {
        visit.slot_id for visit in (offered, *others)
    }


def test_slots_offered_to_accounts_that_end_together_are_locked_in_one_statement() -> None:
    visits = [only_visit(), only_visit()]
    users = [waiting(visit).patient.user for visit in visits]
    for visit in visits:
        visit.cancel()
    sql = statements(lambda: User.objects.end_all(users, by=SuperuserFactory()))
    assert keys(sql[first(sql, LOCK, "doctor_slot")]) == {visit.slot_id for visit in visits}
    assert not Offer.objects.open().exists()


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
