"""Booking takes one place for one patient, or raises the reason against it."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from appointment.models import Appointment, AppointmentEvent, booking
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import AlreadyBooked, PatientOverlap, SlotClosed, SlotFull, SlotInPast
from doctor.models import Slot
from doctor.models.booking_rules import BookingContext
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory
from extensions.exceptions import DomainError
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)


def slots_of(**session: Any) -> list[Slot]:
    """Return the slots of a new session, earliest first."""
    return list(ScheduleFactory(**session).slots.order_by("starts_at"))


def book(patient: Patient, slot: Slot, at: datetime | None = None) -> Appointment:
    return Appointment(patient=patient, slot=slot, reason="Check-up").book(at=at)


def refuses(reason: type[DomainError], patient: Patient, slot: Slot, **at: datetime) -> DomainError:
    """Check that the booking is refused for this reason and writes nothing."""
    before = Appointment.objects.count(), AppointmentEvent.objects.count()
    with pytest.raises(DomainError) as refused:
        book(patient, slot, **at)
    assert type(refused.value) is reason
    assert (Appointment.objects.count(), AppointmentEvent.objects.count()) == before
    assert_balanced(slot)
    return refused.value


# --- The rows of a booking ------------------------------------------------------------------------


def test_an_appointment_copies_the_fields_of_its_slot(patient: Patient) -> None:
    slot = slots_of(capacity=2)[1]
    at = timezone.now()
    booked = Appointment(patient=patient, slot=slot, reason="Check-up", booked_by=patient.user)
    assert booked.book(at=at) is booked
    stored = Appointment.objects.get()
    assert (stored.slot, stored.doctor, stored.location) == (slot, slot.doctor, slot.location)
    assert (stored.starts_at, stored.ends_at) == (slot.starts_at, slot.ends_at)
    assert (stored.status, stored.created_at, stored.canceled_at) == ("scheduled", at, None)
    assert (stored.patient, stored.booked_by, stored.reason) == (patient, patient.user, "Check-up")
    assert_balanced(slot)
    assert slot.taken == 1


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati"])
def test_the_date_is_that_of_the_location(patient: Patient, zone: str) -> None:
    session = ScheduleFactory(
        location=LocationFactory(time_zone=zone), start_time=time(22), end_time=time(23)
    )
    booked = book(patient, session.slots.first())
    assert booked.date == session.date
    early = ScheduleFactory(
        location=session.location, start_time=time(0, 30), end_time=time(1), date=session.date
    )
    assert book(patient, early.slots.first()).date == session.date


def test_a_patient_without_an_account_is_booked_at_the_reception() -> None:
    slot = slots_of()[0]
    booked = book(PatientFactory(user=None), slot)
    assert booked.booked_by is None
    assert_balanced(slot)


def test_several_patients_share_a_slot_up_to_its_capacity() -> None:
    slot = slots_of(capacity=2)[0]
    book(PatientFactory(), slot)
    book(PatientFactory(), slot)
    refuses(SlotFull, PatientFactory(), slot)


def test_a_slot_can_be_booked_until_the_instant_before_it_begins(
    patient: Patient, other_patient: Patient
) -> None:
    slot = slots_of(capacity=2)[0]
    book(patient, slot, at=slot.starts_at - INSTANT)
    refuses(SlotInPast, other_patient, slot, at=slot.starts_at)


def test_an_erased_patient_books_nothing(patient: Patient) -> None:
    slot = slots_of()[0]
    stale = Patient.objects.get(pk=patient.pk)
    patient.erase()
    with pytest.raises(Patient.DoesNotExist):
        book(stale, slot)
    assert_balanced(slot)


# --- One patient, one place at a time -------------------------------------------------------------


def test_the_same_slot_twice_is_already_booked(patient: Patient) -> None:
    slot = slots_of(capacity=2)[0]
    book(patient, slot)
    refuses(AlreadyBooked, patient, slot)


@pytest.mark.parametrize("start", [time(8, 31), time(9), time(9, 29), time(8, 45)])
def test_a_visit_that_overlaps_another_is_refused(patient: Patient, start: time) -> None:
    book(patient, slots_of()[0])
    elsewhere = slots_of(start_time=start)[0]
    refuses(PatientOverlap, patient, elsewhere)


def test_a_visit_within_another_and_one_around_another_are_refused(patient: Patient) -> None:
    long, short = slots_of(slot_minutes=None)[0], slots_of(start_time=time(9, 30))[0]
    visit = book(patient, long)
    refuses(PatientOverlap, patient, short)
    visit.cancel()
    book(patient, short)
    refuses(PatientOverlap, patient, long)


def test_visits_that_touch_do_not_overlap(patient: Patient) -> None:
    first, second, third, _ = slots_of()
    book(patient, second)
    book(patient, first)
    book(patient, third)


@pytest.mark.parametrize("conclude", ["complete", "mark_no_show"])
def test_a_visit_that_is_over_is_no_conflict(patient: Patient, conclude: str) -> None:
    """Another visit may overlap a visit that ended early."""
    slot = slots_of(capacity=2, slot_minutes=None)[0]
    getattr(book(patient, slot), conclude)(at=slot.starts_at)
    later = slots_of(start_time=time(10))[0]
    book(patient, later, at=later.starts_at - INSTANT)
    assert_balanced(slot)
    assert_balanced(later)


def test_a_canceled_slot_can_be_booked_again_by_the_same_patient(patient: Patient) -> None:
    slot = slots_of()[0]
    book(patient, slot).cancel()
    book(patient, slot)
    assert_balanced(slot)


def test_another_patients_visit_is_no_conflict(patient: Patient, other_patient: Patient) -> None:
    book(patient, slots_of()[0])
    book(other_patient, slots_of()[0])


# --- The order of reasons -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reasons", "reported"),
    [
        ({"already", "closed", "past", "full"}, AlreadyBooked),
        ({"already"}, AlreadyBooked),
        ({"overlap", "closed", "past", "full"}, PatientOverlap),
        ({"overlap"}, PatientOverlap),
        ({"closed", "past", "full"}, SlotClosed),
        ({"closed", "full"}, SlotClosed),
        ({"past", "full"}, SlotInPast),
        ({"past"}, SlotInPast),
        ({"full"}, SlotFull),
    ],
)
def test_the_first_of_several_reasons_is_reported(
    patient: Patient, reasons: set[str], reported: type[DomainError]
) -> None:
    slot = slots_of(capacity=1)[0]
    if "already" in reasons:
        book(patient, slot)
    if "overlap" in reasons:
        book(patient, slots_of()[0])
    if "full" in reasons and "already" not in reasons:
        AppointmentFactory(slot=slot)
    if "closed" in reasons:
        slot.schedule.revise(is_active=False)
    at = slot.starts_at if "past" in reasons else slot.starts_at - INSTANT
    refuses(reported, patient, slot, at=at)


@pytest.mark.parametrize("word", ["accepts_patients", "is_active"])
def test_a_doctor_who_accepts_no_patients_is_closed(patient: Patient, word: str) -> None:
    slot = slots_of()[0]
    setattr(slot.doctor, word, False)
    slot.doctor.publish()
    refuses(SlotClosed, patient, slot)


# --- Alternatives ---------------------------------------------------------------------------------


def test_a_full_slot_comes_with_the_next_three_of_the_doctor(patient: Patient) -> None:
    slots = slots_of()
    AppointmentFactory(slot=slots[0])
    refused = refuses(SlotFull, patient, slots[0])
    assert [slot["id"] for slot in refused.extra["alternatives"]] == [s.pk for s in slots[1:4]]


def test_alternatives_are_bookable_by_this_patient_and_go_on_with_earlier_ones(
    patient: Patient,
) -> None:
    first, _, third, fourth = slots_of()
    AppointmentFactory(slot=third)
    book(patient, slots_of(start_time=time(9, 30), slot_minutes=20, end_time=time(9, 50))[0])
    refused = refuses(SlotFull, patient, third)
    assert [slot["id"] for slot in refused.extra["alternatives"]] == [fourth.pk, first.pk]
    assert refused.extra["alternatives"][0]["available"] == 1


# --- A user's own booking through the API ---------------------------------------------------------


def test_a_slot_is_looked_for_with_its_doctor_only(patient: Patient) -> None:
    slot, other = slots_of()[0], DoctorFactory()
    with pytest.raises(Slot.DoesNotExist):
        Appointment.objects.book_own(patient.user, other.pk, slot_id=slot.pk)
    with pytest.raises(Slot.DoesNotExist):
        Appointment.objects.book_own(patient.user, other.pk, schedule_id=slot.schedule_id)
    slot.doctor.is_active = False
    slot.doctor.publish()
    with pytest.raises(Slot.DoesNotExist):
        Appointment.objects.book_own(patient.user, slot.doctor_id, slot_id=slot.pk)
    assert_balanced(slot)


# --- Refusals of the database ---------------------------------------------------------------------


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize(
    ("start", "reported"), [("09:00", AlreadyBooked), ("09:15", PatientOverlap)]
)
def test_an_unseen_visit_is_refused_by_its_constraint(
    patient: Patient, start: str, reported: type[DomainError], monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = slots_of(capacity=2)[0]
    book(patient, slot)
    again = slot if reported is AlreadyBooked else slots_of(start_time=start)[0]
    monkeypatch.setattr(
        booking, "booking_context", lambda patient, at, places, *_: BookingContext(at, places)
    )
    refused = refuses(reported, patient, again)
    assert isinstance(refused.__cause__, IntegrityError)


def test_another_refusal_of_the_database_is_no_domain_error(patient: Patient) -> None:
    taken, slot = AppointmentFactory(), slots_of()[0]
    with pytest.raises(IntegrityError):
        Appointment(pk=taken.pk, patient=patient, slot=slot).book()
    assert_balanced(slot)


def test_intervals_that_touch_do_not_overlap() -> None:
    first, second, _, fourth = (AppointmentFactory(slot=slot) for slot in slots_of())
    overlapping = Appointment.objects.overlapping
    assert list(overlapping(second.starts_at, second.ends_at)) == [second]
    assert set(overlapping(first.starts_at, second.ends_at)) == {first, second}
    assert fourth not in overlapping(first.starts_at, fourth.starts_at)


def test_the_first_of_visits_that_touch_is_still_in_the_way(patient: Patient) -> None:
    first, second, *_ = slots_of()
    for slot in (first, second):
        book(patient, slot)
    refuses(PatientOverlap, patient, slots_of()[0])
