"""Races of real threads with real connections, on the suite's database."""

from datetime import time, timedelta
from functools import partial
from itertools import product

import pytest

from accounts.tests.factories import UserFactory
from appointment.exceptions import AppointmentDeleted, InvalidTransition, NotCancelable
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import AlreadyBooked, LocationInUse, ScheduleInUse, SlotClosed, SlotFull
from doctor.models import Schedule, Slot
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from patient.exceptions import ProfileExists
from patient.models import MedicalHistory, Patient
from patient.tests.factories import MedicalHistoryFactory, PatientFactory
from tests import race_bodies
from tests.balance import assert_balanced
from tests.race_bodies import (
    REVISIONS,
    assert_not_stranded,
    booking,
    booking_own,
    close_and_count,
    copies_of,
    count_by_type,
    erase_all,
    held_until,
    one_slot,
    people,
    race,
    shrink,
    visits_in,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
ROUNDS = range(2)
NONE = type(None)


# --- Places ---------------------------------------------------------------------------------------


def test_of_20_for_5_places_of_a_slot_5_win() -> None:
    race_bodies.assert_five_win(20)


def test_of_20_for_a_session_of_5_slots_5_win_one_slot_each() -> None:
    race_bodies.assert_five_slots_are_sold_once(20)


def test_a_slot_never_shrinks_below_its_bookings() -> None:
    slot = one_slot(capacity=20)
    visits_in(slot, people(2))  # so that neither shrinks it to 1, however late the bookings come
    shrinks = [partial(shrink, copy) for copy in copies_of(slot, 2)]
    outcomes = race(*shrinks, *(booking(patient, slot) for patient in people(10)))
    assert count_by_type(outcomes[:2]) == {ScheduleInUse: 2}
    assert count_by_type(outcomes[2:]).keys() <= {Appointment, SlotFull}
    assert_balanced(slot)
    assert slot.taken == slot.capacity


# --- Canceling and concluding ---------------------------------------------------------------------


def test_of_10_who_cancel_a_visit_one_gives_one_place_back() -> None:
    race_bodies.assert_one_cancels(10)


@pytest.mark.parametrize("verb", ["complete", "mark_no_show"])
def test_a_visit_is_either_canceled_or_concluded_at_the_instant_of_its_start(verb: str) -> None:
    visits = visits_in(one_slot(capacity=6), people(6))
    start, calls = visits[0].starts_at, []
    for canceled, concluded in (copies_of(visit, 2) for visit in visits):
        calls += [
            partial(canceled.cancel, at=start - timedelta(microseconds=1)),
            partial(getattr(concluded, verb), at=start),
        ]
    outcomes = race(*calls)
    for canceled, concluded in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert count_by_type([canceled, concluded]) in (
            {Appointment: 1, InvalidTransition: 1},
            {NotCancelable: 1, Appointment: 1},
        )
    assert [visit.events.count() for visit in visits] == [2] * 6
    assert_balanced(visits[0].slot)


def test_a_visit_discarded_while_it_is_canceled_gives_one_place_back() -> None:
    for _ in ROUNDS:
        slot = one_slot(capacity=3)
        visit, _other = visits_in(slot, people(2))
        one, two, three = copies_of(visit, 3)
        outcomes = race(one.cancel, two.discard, three.discard)
        assert count_by_type(outcomes).keys() <= {Appointment, NONE, AppointmentDeleted}
        assert_balanced(slot)
        assert slot.taken == 1


# --- One patient ----------------------------------------------------------------------------------


def test_of_two_doctors_at_one_hour_a_patient_books_one() -> None:
    race_bodies.assert_one_of_two_doctors_is_booked()


def test_of_8_people_of_an_account_as_many_book_as_its_cap_allows() -> None:
    race_bodies.assert_three_of_eight_people_are_booked()


@pytest.mark.parametrize("capacity", [1, 20])
@pytest.mark.parametrize("account", [{}, {"user": None}], ids=["account", "no account"])
def test_of_20_tries_at_one_slot_one_wins(account: dict[str, None], capacity: int) -> None:
    slot, patient = one_slot(capacity=capacity), PatientFactory(**account)
    outcomes = race(*[booking(patient, slot)] * 20)
    assert count_by_type(outcomes) == {Appointment: 1, AlreadyBooked: 19}
    assert_balanced(slot)
    assert slot.taken == 1


def test_the_first_bookings_of_a_new_user_make_one_profile_and_one_visit() -> None:
    slot, user = one_slot(capacity=20), UserFactory()
    outcomes = race(*[booking_own(user, slot)] * 20)
    assert count_by_type(outcomes) == {Appointment: 1, AlreadyBooked: 19}
    assert Patient.objects.filter(user=user).count() == 1
    assert_balanced(slot)


def test_a_profile_posted_while_the_first_visit_is_booked_is_one_profile() -> None:
    for _ in ROUNDS:
        slot, user = one_slot(capacity=1), UserFactory()
        profile = Patient(user=user, first_name="Ana", last_name="Ruiz")
        booked, posted = race(booking_own(user, slot), profile.enroll)
        assert count_by_type([booked]) == {Appointment: 1}
        assert count_by_type([posted]).keys() <= {NONE, ProfileExists}
        assert Patient.objects.filter(user=user).count() == 1


# --- Erasure --------------------------------------------------------------------------------------


def test_a_patient_erased_as_a_visit_begins_is_erased_whole() -> None:
    for _ in ROUNDS:
        [patient], slots = people(1), ScheduleFactory().slots.all()
        visits = [AppointmentFactory(patient=patient, slot=slot) for slot in slots]
        early = visits[0].starts_at - timedelta(microseconds=1)
        concluding = [partial(visit.complete, at=visit.ends_at) for visit in visits]
        erased, *concluded = race(partial(patient.erase, at=early), *concluding)
        assert count_by_type([erased]) == {NONE: 1}
        assert count_by_type(concluded).keys() <= {Appointment, InvalidTransition}
        for slot in slots:
            assert_balanced(slot)


@pytest.mark.parametrize("who", ["user", "patient", "patient without account"])
def test_a_patient_erased_while_booking_leaves_no_visit_behind(who: str) -> None:
    for _ in ROUNDS:
        patient = PatientFactory(**({"user": None} if "without" in who else {}))
        first, *slots = ScheduleFactory(slot_minutes=15).slots.all()
        AppointmentFactory(patient=patient, slot=first)
        book = partial(booking_own, patient.user) if who == "user" else partial(booking, patient)
        erased, *booked = race(patient.erase, *(book(slot) for slot in slots))
        assert count_by_type([erased]) == {NONE: 1}
        assert count_by_type(booked).keys() <= {Appointment, Patient.DoesNotExist}
        assert not Appointment.objects.active().filter(patient=None).exists()
        assert not Patient.objects.filter(pk=patient.pk).exists()
        assert_not_stranded(Appointment.objects.active())


def test_visits_canceled_while_their_patient_is_erased_give_one_place_back_each() -> None:
    for _ in ROUNDS:
        [patient], slots = people(1), list(ScheduleFactory().slots.all())
        visits = [AppointmentFactory(patient=patient, slot=slot) for slot in slots]
        verbs = [patient.erase, *(visit.cancel for visit in visits)]
        erased, *canceled = race(*(partial(verb, by=patient.user) for verb in verbs))
        assert count_by_type([erased]) == {NONE: 1}
        assert count_by_type(canceled).keys() <= {Appointment, NotCancelable}
        for slot in slots:
            assert_balanced(slot)
            assert slot.taken == 0


def test_patients_who_share_slots_are_erased_at_once_without_a_deadlock() -> None:
    for _ in ROUNDS:
        slots, [one, other] = list(ScheduleFactory(capacity=2).slots.all()), people(2)
        for slot, opposite in zip(slots, reversed(slots), strict=True):
            AppointmentFactory(patient=one, slot=slot)
            AppointmentFactory(patient=other, slot=opposite)
        assert count_by_type(race(one.erase, other.erase)) == {NONE: 2}
        assert [slot.taken for slot in Slot.objects.all()] == [0] * Slot.objects.count()


def test_many_erased_in_one_transaction_do_not_deadlock_with_one_of_them() -> None:
    for _ in ROUNDS:
        slots, pair = list(ScheduleFactory(capacity=2).slots.all()), people(2)
        for slot, patient in product(slots, pair):
            AppointmentFactory(patient=patient, slot=slot)
        one_of_them, both = race(pair[1].erase, partial(erase_all, pair))
        assert count_by_type([one_of_them, both]).keys() <= {NONE, Patient.DoesNotExist}
        left = Patient.objects.filter(pk__in=[patient.pk for patient in pair])
        assert left.count() == (both is not None)


def test_a_patient_erased_while_history_is_added_leaves_none_of_it() -> None:
    for _ in ROUNDS:
        [patient] = people(1)
        entries = MedicalHistoryFactory.build_batch(6, patient=patient)
        erased, *entered = race(patient.erase, *(entry.add for entry in entries))
        assert count_by_type([erased]) == {NONE: 1}
        assert count_by_type(entered).keys() <= {NONE, Patient.DoesNotExist}
        assert MedicalHistory.objects.count() == 0


# --- Calendars ------------------------------------------------------------------------------------


def test_of_two_overlapping_sessions_one_is_published_and_nothing_deadlocks() -> None:
    for _ in ROUNDS:
        race_bodies.assert_one_of_two_sessions_is_published()


@pytest.mark.parametrize("change", REVISIONS)
def test_nothing_booked_while_its_session_changes_is_stranded(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb, step = REVISIONS[change]
    patients = people(8)
    for _ in ROUNDS:
        session = ScheduleFactory(capacity=2)
        slots = list(session.slots.all()) * 2
        books = [booking(*pair) for pair in zip(patients, slots, strict=True)]
        with monkeypatch.context() as patch:
            books = held_until(patch, step, books)
            changed, *booked = race(partial(verb, session), *books)
        assert count_by_type([changed]).keys() <= {NONE, ScheduleInUse}
        assert count_by_type(booked).keys() <= {Appointment, SlotFull, Slot.DoesNotExist}
        assert_not_stranded(Appointment.objects.all())
        Appointment.objects.all().delete()


def test_two_who_change_different_fields_of_one_row_both_succeed() -> None:
    for _ in ROUNDS:
        session = ScheduleFactory()
        for row, one, other in (
            (session, {"capacity": 3}, {"end_time": time(12)}),
            (session.doctor, {"bio": "Born in Vigo."}, {"accepts_patients": False}),
            (session.location, {"address": "Calle Mayor 1"}, {"phone": "+34910123456"}),
        ):
            first, second = copies_of(row, 2)
            race_of_two = race(partial(first.revise, **one), partial(second.revise, **other))
            assert count_by_type(race_of_two) == {NONE: 2}
            assert type(row).objects.filter(pk=row.pk, **one, **other).exists()


def test_a_session_changed_while_it_is_deleted_is_gone() -> None:
    for _ in ROUNDS:
        one, other = copies_of(ScheduleFactory(), 2)
        changed, deleted = race(partial(one.revise, slot_minutes=20), other.unpublish)
        assert count_by_type([deleted]) == {NONE: 1}
        assert count_by_type([changed]).keys() <= {NONE, Schedule.DoesNotExist}
        assert (Schedule.objects.count(), Slot.objects.count()) == (0, 0)


def test_nothing_is_booked_once_a_doctor_has_closed() -> None:
    patients = people(16)
    for _ in ROUNDS:
        session = ScheduleFactory(capacity=5)
        slots = list(session.slots.all()) * 4
        books = [booking(*pair) for pair in zip(patients, slots, strict=True)]
        seen, *booked = race(partial(close_and_count, session), *books)
        assert count_by_type(booked).keys() <= {Appointment, SlotClosed}
        assert count_by_type(booked).get(Appointment, 0) == seen
        Appointment.objects.all().delete()


def test_sessions_published_while_their_doctor_closes_are_closed() -> None:
    for _ in ROUNDS:
        doctor = DoctorFactory()
        sessions = [
            ScheduleFactory.build(doctor=row, location=LocationFactory(), date=day_ahead(days))
            for days, row in enumerate(copies_of(doctor, 6), start=2)
        ]
        publish = [session.publish for session in sessions]
        outcomes = race(*publish, partial(doctor.revise, accepts_patients=False))
        assert count_by_type(outcomes) == {NONE: 7}
        assert (doctor.slots.count(), doctor.slots.filter(is_open=True).count()) == (24, 0)


def test_a_session_published_while_the_clocks_move_is_at_its_wall_time() -> None:
    for _ in ROUNDS:
        session = ScheduleFactory.build(doctor=DoctorFactory(), location=LocationFactory())
        [location] = copies_of(session.location, 1)
        outcomes = race(session.publish, partial(location.revise, time_zone="America/New_York"))
        assert count_by_type(outcomes).keys() <= {NONE, LocationInUse}
        [published] = copies_of(session, 1)
        assert sorted(session.slots.values_list("starts_at", "ends_at")) == published.spans()
