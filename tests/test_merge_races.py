"""Races of merges, claims and marks with bookings, offers and erasures, and their controls."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import StaffFactory, SuperuserFactory, UserFactory
from appointment.exceptions import VisitsCollide
from appointment.models import Appointment, Offer, WaitlistEntry
from appointment.models import merging as merging_of_visits
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.exceptions import AlreadyBooked, PatientDeceased, PatientOverlap
from doctor.models import Slot
from doctor.tests.factories import DoctorFactory, ScheduleFactory, day_ahead
from extensions.db.retry import StaleLock
from patient.exceptions import AlreadyMerged
from patient.models import ClaimCode, MergedPatient, Patient, claim
from patient.models import merging as merging_of_patients
from patient.models.claim import ClaimCodeQuerySet
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.race_bodies import booking, booking_own, count_by_type, one_slot, race
from tests.races import assert_in_order, gate, then_wait

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
ROUNDS = range(2)
NONE = type(None)
BORN = date(1951, 4, 24)


def a_pair() -> tuple[Patient, Patient]:
    """Make a patient with an account, and a record of the same person without one."""
    return PatientFactory(user__password=""), PatientFactory(user=None)


def a_pair_with_visits() -> tuple[Patient, Patient]:
    """Make a pair, each of them with a visit at another time."""
    pair, slots = a_pair(), ScheduleFactory().slots.all()
    for person, slot in zip(pair, slots, strict=False):
        AppointmentFactory(patient=person, slot=slot)
    return pair


def copy_of(patient: Patient) -> Patient:
    """Load the row again, for another caller."""
    return Patient.objects.get(pk=patient.pk)


def between(wait: Callable[[], Any], call: Callable[[], Any]) -> Callable[[], Any]:
    """Return the call, made between two meetings with the other thread."""

    def called() -> Any:
        wait()
        try:
            return call()
        finally:
            wait()

    return called


def assert_merged_whole(kept: Patient, gone: Patient) -> None:
    """Assert that nothing is left of the record merged away, and that all invariants hold."""
    assert not Patient.objects.filter(pk=gone.pk).exists()
    for model in (Appointment, WaitlistEntry):
        assert not model.objects.filter(patient=gone.pk).exists()
    assert MergedPatient.objects.filter(pk=gone.pk, patient=kept.pk).exists()
    assert_in_order()


# --- Merge ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["kept", "gone", "account"])
def test_a_merge_loses_no_booking_of_either(who: str) -> None:
    for _ in ROUNDS:
        kept, gone = a_pair()
        slots = list(ScheduleFactory(slot_minutes=30).slots.all())
        book: Callable[[Slot], Any] = {
            "kept": partial(booking, kept),
            "gone": partial(booking, gone),
            "account": partial(booking_own, kept.user),
        }[who]
        merged, *booked = race(partial(kept.merge, Patient(pk=gone.pk)), *map(book, slots))
        assert count_by_type([merged]) == {NONE: 1}
        assert count_by_type(booked).keys() <= {Appointment, Patient.DoesNotExist}
        assert_merged_whole(kept, gone)
        made = [each for each in booked if isinstance(each, Appointment)]
        assert Appointment.objects.filter(patient=kept).count() == len(made)


def test_both_booking_one_time_while_they_are_merged_end_with_one_visit_or_two_records() -> None:
    for _ in ROUNDS:
        (kept, gone), slot = a_pair(), one_slot(capacity=2)
        outcomes = race(
            partial(kept.merge, Patient(pk=gone.pk)), booking(kept, slot), booking(gone, slot)
        )
        assert count_by_type(outcomes[1:]).keys() <= {
            Appointment,
            AlreadyBooked,
            PatientOverlap,
            Patient.DoesNotExist,
        }
        assert count_by_type(outcomes[:1]).keys() <= {NONE, VisitsCollide}
        assert_in_order()
        assert_balanced(slot)


def test_an_accepted_offer_is_kept_by_a_merge() -> None:
    for _ in ROUNDS:
        kept, gone = a_pair()
        visit = AppointmentFactory(slot=one_slot(capacity=1))
        entry = WaitlistEntryFactory(patient=gone, doctor=visit.doctor)
        visit.cancel()
        merged, accepted = race(partial(kept.merge, Patient(pk=gone.pk)), entry.accept)
        assert count_by_type([merged, accepted]) == {NONE: 1, Appointment: 1}
        assert_merged_whole(kept, gone)
        assert Appointment.objects.get(pk=accepted.pk).patient == kept
        entry.refresh_from_db()
        assert (entry.patient, entry.status) == (kept, "accepted")
        assert_balanced(visit.slot)


@pytest.mark.parametrize("verb", ["reschedule", "undo", "check in", "late arrival", "complete"])
def test_a_change_of_a_visit_is_kept_by_a_merge(verb: str) -> None:
    kept, gone = a_pair()
    first, second = list(ScheduleFactory().slots.all())[:2]
    visit, by = AppointmentFactory(patient=gone, slot=first), SuperuserFactory()
    if verb == "undo":
        visit.cancel()
    if verb == "late arrival":
        visit.mark_no_show(at=first.starts_at)
    change = {
        "reschedule": partial(visit.reschedule, second),
        "undo": partial(visit.undo, by),
        "complete": partial(visit.complete, at=first.starts_at),
    }.get(verb, partial(visit.check_in, by, at=first.starts_at))
    merged, changed = race(partial(kept.merge, Patient(pk=gone.pk)), change)
    assert count_by_type([merged, changed]) == {NONE: 1, Appointment: 1}
    visit.refresh_from_db()
    assert visit.patient == kept
    assert visit.status == ("completed" if verb == "complete" else "scheduled")
    assert_merged_whole(kept, gone)


def test_a_place_freed_while_two_waiting_records_are_merged_is_offered_once() -> None:
    for _ in ROUNDS:
        kept, gone = a_pair()
        visit = AppointmentFactory(slot=one_slot(capacity=1))
        for person in (kept, gone):
            WaitlistEntryFactory(patient=person, doctor=visit.doctor)
        merged, canceled = race(partial(kept.merge, Patient(pk=gone.pk)), visit.cancel)
        assert count_by_type([merged, canceled]) == {NONE: 1, Appointment: 1}
        assert_merged_whole(kept, gone)
        in_line = WaitlistEntry.objects.filter(patient=kept).exclude(status="expired")
        assert in_line.count() == 1
        assert_balanced(visit.slot)
        assert all(o.account == kept.user_id for o in Offer.objects.open().filter(slot=visit.slot))


@pytest.mark.parametrize("who", ["kept", "gone"])
def test_a_merge_and_an_erasure_leave_nothing_of_the_erased(who: str) -> None:
    for _ in ROUNDS:
        kept, gone = a_pair_with_visits()
        erased = {"kept": kept, "gone": gone}[who]
        merged, erasure = race(partial(kept.merge, Patient(pk=gone.pk)), copy_of(erased).erase)
        assert count_by_type([merged, erasure]).keys() <= {NONE, Patient.DoesNotExist}
        left = set(Patient.objects.values_list("pk", flat=True)) & {kept.pk, gone.pk}
        if who == "kept":  # merged first, the erasure takes both; erased first, the other stays
            assert left == (set() if merged is None else {gone.pk})
            assert not MergedPatient.objects.filter(patient=kept.pk).exists()
        else:
            assert left == {kept.pk}
        visits = Appointment.objects.active().filter(patient__isnull=False)
        assert set(visits.values_list("patient", flat=True)) == left
        assert_in_order()
        Patient.objects.filter(pk__in=left).erase_all()


def test_of_two_opposite_merges_one_wins() -> None:
    for _ in ROUNDS:
        one, two = a_pair_with_visits()
        outcomes = race(
            partial(one.merge, Patient(pk=two.pk)), partial(two.merge, Patient(pk=one.pk))
        )
        assert count_by_type(outcomes) == {NONE: 1, AlreadyMerged: 1}
        [kept] = Patient.objects.filter(pk__in=[one.pk, two.pk])
        assert Appointment.objects.filter(patient=kept).count() == 2
        assert_in_order()


# --- Claim and deceased ---------------------------------------------------------------------------


def a_claim(user: User, code: str) -> Callable[[], Patient]:
    """Return a call that claims the record of the code, whose person was born on BORN."""
    return partial(ClaimCode.objects.claim, user, code, BORN)


def a_code() -> tuple[Patient, str]:
    """Make a record of the reception, and give a code for it."""
    record = PatientFactory(user=None, date_of_birth=BORN)
    return record, ClaimCode.objects.issue(record, by=StaffFactory())


@pytest.mark.parametrize("accounts", [1, 4])
def test_a_code_is_used_once(accounts: int) -> None:
    for _ in ROUNDS:
        record, code = a_code()
        users = UserFactory.create_batch(accounts, email_verified_at=timezone.now(), password="")
        outcomes = race(*(a_claim(users[n % accounts], code) for n in range(4)))
        assert count_by_type(outcomes) == {Patient: 1, ClaimCode.DoesNotExist: 3}
        record.refresh_from_db()
        assert record.user in users


def test_a_claim_and_the_first_booking_of_the_account_end_with_one_profile() -> None:
    for _ in ROUNDS:
        record, code = a_code()
        user = UserFactory(email_verified_at=timezone.now(), password="")
        claimed, booked = race(a_claim(user, code), booking_own(user, one_slot(capacity=1)))
        assert count_by_type([claimed, booked]) == {Patient: 1, Appointment: 1}
        assert Patient.objects.get(user=user).pk == record.pk
        assert Appointment.objects.get(pk=booked.pk).patient == record
        assert_in_order()


def test_a_record_is_either_claimed_or_merged_away_or_both() -> None:
    for _ in ROUNDS:
        record, code = a_code()
        kept = PatientFactory(user=None)
        user = UserFactory(email_verified_at=timezone.now(), password="")
        claimed, merged = race(a_claim(user, code), partial(kept.merge, Patient(pk=record.pk)))
        assert count_by_type([claimed]).keys() <= {Patient, ClaimCode.DoesNotExist}
        assert count_by_type([merged]) == {NONE: 1}
        account = user if isinstance(claimed, Patient) else None
        assert Patient.objects.get(pk=kept.pk).user == account
        assert not ClaimCode.objects.exists()


def test_the_deceased_have_no_coming_visit_however_late_the_bookings_come() -> None:
    for _ in ROUNDS:
        patient = PatientFactory(user__password="")
        slots = list(ScheduleFactory(slot_minutes=30).slots.all())
        marked, *booked = race(patient.mark_deceased, *(booking(patient, slot) for slot in slots))
        assert count_by_type([marked]) == {NONE: 1}
        assert count_by_type(booked).keys() <= {Appointment, PatientDeceased}
        assert not Appointment.objects.active().filter(patient=patient).exists()
        assert_in_order()


def test_the_deceased_have_no_entry_in_line_however_late_they_join() -> None:
    for _ in ROUNDS:
        patient = PatientFactory(user__password="")
        entry = WaitlistEntryFactory.build(patient=patient, doctor=DoctorFactory())
        marked, joined = race(patient.mark_deceased, entry.join)
        assert count_by_type([marked]) == {NONE: 1}
        assert count_by_type([joined]).keys() <= {WaitlistEntry, PatientDeceased}
        assert not WaitlistEntry.objects.filter(patient=patient).exclude(status="expired").exists()


# --- Controls: a guard is taken out ---------------------------------------------------------------


@pytest.mark.only_on("postgres")
def test_control_without_the_patients_locks_a_booking_fails_at_its_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (kept, gone), wait = a_pair(), gate(2)
    unlocked = {"lock": lambda rows, pk: rows.get(pk=pk)}
    monkeypatch.setattr(merging_of_patients, "lock_rows", list)
    monkeypatch.setattr(type(Patient.objects), "lock", unlocked["lock"])
    then_wait(monkeypatch, Slot, "take", lambda: (wait(), wait()))
    merge = between(wait, partial(kept.merge, Patient(pk=gone.pk)))
    merged, booked = race(merge, booking(gone, one_slot(capacity=1)))
    assert merged is None
    assert isinstance(booked, IntegrityError)  # its patient is gone


@pytest.mark.only_on("postgres")
def test_control_without_the_patients_lock_a_booking_misses_the_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient, wait = PatientFactory(user__password=""), gate(2)
    monkeypatch.setattr(type(Patient.objects), "lock", lambda rows, pk: rows.get(pk=pk))
    then_wait(monkeypatch, Slot, "take", lambda: (wait(), wait()))
    mark = between(wait, patient.mark_deceased)
    race(mark, booking(patient, one_slot(capacity=1)))
    assert Patient.objects.get(pk=patient.pk).is_deceased
    assert Appointment.objects.active().filter(patient=patient).exists()


@pytest.mark.only_on("postgres")
def test_control_without_locks_and_guard_a_code_is_used_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, code = a_code()
    users, wait = UserFactory.create_batch(2, email_verified_at=timezone.now()), gate(2)
    locks = ClaimCodeQuerySet._lock
    monkeypatch.setattr(claim, "lock_rows", list)
    monkeypatch.setattr(ClaimCodeQuerySet, "delete", lambda rows: (1, {}))
    monkeypatch.setattr(ClaimCodeQuerySet, "_lock", lambda *args: (locks(*args), wait())[0])
    outcomes = race(*(a_claim(user, code) for user in users))
    assert count_by_type(outcomes) == {Patient: 2}


@pytest.mark.only_on("postgres")
def test_control_without_the_locks_of_places_a_merge_meets_an_offer_of_an_unlocked_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (kept, gone), wait = a_pair(), gate(2)
    visit = AppointmentFactory(slot=one_slot(capacity=1))
    WaitlistEntryFactory(patient=gone, doctor=visit.doctor, first_date=day_ahead(4))
    later = WaitlistEntryFactory(patient=kept, doctor=visit.doctor)
    duplicate_entries = merging_of_visits.duplicate_entries
    waits = iter([lambda: (wait(), wait())])  # in the first attempt of the merge

    def duplicate_entries_and_wait(*args: Any) -> list[WaitlistEntry]:
        doubles = duplicate_entries(*args)
        next(waits, lambda: None)()
        return doubles

    monkeypatch.setattr(merging_of_visits, "lock_places_of", lambda keys: [])
    monkeypatch.setattr(merging_of_visits, "duplicate_entries", duplicate_entries_and_wait)
    merged, _ = race(partial(kept.merge, Patient(pk=gone.pk)), between(wait, visit.cancel))
    assert isinstance(merged, StaleLock)
    later.refresh_from_db()
    assert later.status == "offered"
