"""Joining and leaving the waitlist, and accepting and declining offers."""

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from appointment.exceptions import NoOpenOffer, PlaceAvailable
from appointment.models import Appointment, Offer, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import HALF_AN_HOUR, HOLD, holders, only_visit, waiting
from doctor.exceptions import PatientOverlap, SlotFull, TooManyAppointments
from doctor.models import Doctor, Schedule
from doctor.tests.factories import ScheduleFactory, SpecialtyFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import MedicalHistoryFactory, PatientFactory
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db


def would_join(**criteria: Any) -> WaitlistEntry:
    """Return an unsaved waitlist entry, of a new patient unless given, for a test to `join`."""
    return WaitlistEntryFactory.build(
        **{"patient": PatientFactory(), "doctor": None, "specialty": None, **criteria}
    )


# --- join -----------------------------------------------------------------------------------------


def test_a_new_entry_is_last_in_line(visit: Appointment) -> None:
    before = waiting(visit)
    entry = would_join(doctor=visit.doctor).join()
    assert entry.status == "waiting"
    positions = WaitlistEntry.objects.with_position(day_ahead(0)).values_list("pk", "position")
    assert set(positions) == {(before.pk, 1), (entry.pk, 2)}


def test_days_that_are_over_everywhere_are_refused(visit: Appointment) -> None:
    today = timezone.now().date()
    past = would_join(
        doctor=visit.doctor,
        first_date=today - timedelta(days=9),
        last_date=today - timedelta(days=2),
    )
    with pytest.raises(ValidationError) as refused:
        past.join()
    assert list(refused.value.message_dict) == ["to"]
    assert not WaitlistEntry.objects.exists()


def test_today_is_not_over_where_it_is_still_today(visit: Appointment) -> None:
    """Each location counts days on its own clocks; Honolulu is ten hours behind UTC."""
    ScheduleFactory(location__time_zone="Pacific/Honolulu")
    at = timezone.now().replace(hour=9, minute=0)
    yesterday = at.date() - timedelta(days=1)
    entry = would_join(doctor=visit.doctor, first_date=yesterday, last_date=yesterday)
    assert entry.join(at=at).pk
    with pytest.raises(ValidationError):
        would_join(doctor=visit.doctor, first_date=yesterday, last_date=yesterday).join(
            at=at + timedelta(hours=2)
        )


def test_joining_for_a_doctor_who_has_left_is_refused(visit: Appointment) -> None:
    doctor = Doctor.objects.get(pk=visit.doctor.pk)
    doctor.revise(is_active=False)
    with pytest.raises(ValidationError):
        would_join(doctor=doctor).join()


def test_joining_is_refused_if_a_matching_place_can_be_booked_now() -> None:
    session = ScheduleFactory(end_time=time(12))
    entry = would_join(doctor=session.doctor, start_time=time(9, 15), end_time=time(11, 30))
    with pytest.raises(PlaceAvailable) as refused:
        entry.join()
    starts = [slot["starts_at"][11:16] for slot in refused.value.extra["alternatives"]]
    assert starts == ["09:30", "10:00", "10:30"]


@pytest.mark.parametrize(
    "criteria",
    [
        lambda session: {"last_date": session.date - timedelta(days=1)},
        lambda session: {"first_date": session.date + timedelta(days=1)},
        lambda session: {"weekday_bits": 127 - (1 << session.date.weekday())},
        lambda session: {"start_time": time(11)},
        lambda session: {"end_time": time(9, 29)},
        lambda session: {"start_time": time(9, 1), "end_time": time(9, 45)},
    ],
)
def test_a_free_place_that_does_not_fit_does_not_prevent_joining(
    criteria: Callable[[Schedule], dict[str, Any]],
) -> None:
    session = ScheduleFactory(slot_minutes=30)
    with pytest.raises(PlaceAvailable):
        would_join(doctor=session.doctor).join()
    assert would_join(doctor=session.doctor, **criteria(session)).join().pk


def test_the_hours_of_free_places_are_those_of_the_location() -> None:
    session = ScheduleFactory(location__time_zone="Asia/Tokyo", slot_minutes=None)
    hours = {"start_time": time(9), "end_time": time(11)}
    with pytest.raises(PlaceAvailable):
        would_join(doctor=session.doctor, **hours).join()
    assert would_join(doctor=session.doctor, start_time=time(9, 1)).join().pk


def test_joining_for_a_specialty_is_refused_if_any_of_its_doctors_has_a_place() -> None:
    session, specialties = ScheduleFactory(), [SpecialtyFactory() for _ in range(2)]
    session.doctor.specialties.add(*specialties)
    with pytest.raises(PlaceAvailable) as refused:
        would_join(specialty=specialties[0]).join()
    assert len({slot["id"] for slot in refused.value.extra["alternatives"]}) == 3
    assert would_join(specialty=SpecialtyFactory()).join().pk


def test_a_place_that_the_patient_cannot_book_does_not_prevent_joining() -> None:
    busy = only_visit()
    session = ScheduleFactory()
    assert would_join(patient=busy.patient, doctor=session.doctor).join().pk
    with pytest.raises(PlaceAvailable):
        would_join(doctor=session.doctor).join()


# --- accept ---------------------------------------------------------------------------------------


@pytest.fixture
def entry(visit: Appointment) -> WaitlistEntry:
    """Return the first of two entries in line, which has an offer of the visit's place."""
    first, _ = waiting(visit), waiting(visit)
    visit.cancel()
    return first


def test_accepting_books_the_place_that_was_held(visit: Appointment, entry: WaitlistEntry) -> None:
    booked = entry.accept(by=entry.patient.user)
    assert_balanced(visit.slot)
    entry.refresh_from_db()
    assert (booked.slot, booked.patient, booked.status) == (visit.slot, entry.patient, "scheduled")
    assert (booked.booked_by, booked.events.get().by) == (entry.patient.user, "patient")
    assert (entry.status, visit.slot.taken, visit.slot.hold_lapses_at) == ("accepted", 1, None)
    assert Offer.objects.get().status == "accepted"


def test_an_offer_is_accepted_once(entry: WaitlistEntry) -> None:
    entry.accept()
    with pytest.raises(NoOpenOffer):
        entry.accept()
    assert Appointment.objects.active().count() == 1


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_an_offer_ends_at_the_instant_it_expires(entry: WaitlistEntry, verb: str) -> None:
    expires_at = Offer.objects.get().expires_at
    with pytest.raises(NoOpenOffer):
        getattr(entry, verb)(at=expires_at)
    getattr(entry, verb)(at=expires_at - timedelta(microseconds=1))


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_an_entry_without_an_offer_cannot_answer_one(verb: str) -> None:
    with pytest.raises(NoOpenOffer):
        getattr(WaitlistEntryFactory(), verb)()


def test_accepting_is_refused_for_the_reasons_of_booking_and_the_offer_stays(
    visit: Appointment, entry: WaitlistEntry
) -> None:
    overlapping = ScheduleFactory(start_time=time(10), end_time=time(12))
    AppointmentFactory(patient=entry.patient, slot=overlapping.slots.first())
    with pytest.raises(PatientOverlap):
        entry.accept()
    assert holders(visit.slot) == [entry.pk]


def test_accepting_checks_the_limit_of_the_location(
    visit: Appointment, entry: WaitlistEntry
) -> None:
    elsewhere = ScheduleFactory(location=visit.location, date=day_ahead(9))
    AppointmentFactory(patient=entry.patient, slot=elsewhere.slots.first())
    visit.location.revise(max_live_per_patient=1)
    with pytest.raises(TooManyAppointments):
        entry.accept()
    assert holders(visit.slot) == [entry.pk]


def test_an_offered_place_cannot_be_booked(visit: Appointment, entry: WaitlistEntry) -> None:
    """Neither the patient with the offer nor another patient can book the offered place."""
    for patient in (entry.patient, PatientFactory()):
        with pytest.raises(SlotFull):
            Appointment(patient=patient, slot=visit.slot).book()
    assert holders(visit.slot) == [entry.pk]


# --- decline --------------------------------------------------------------------------------------


def test_declining_passes_the_place_on_and_keeps_the_position_in_the_waitlist(
    visit: Appointment, entry: WaitlistEntry
) -> None:
    following = WaitlistEntry.objects.last()
    entry.decline()
    assert holders(visit.slot) == [following.pk]
    entry.refresh_from_db()
    assert entry.status == "waiting"
    following.decline()
    assert holders(visit.slot) == []
    assert_balanced(visit.slot)


def test_an_entry_that_declined_is_first_again_for_another_place(
    visit: Appointment, entry: WaitlistEntry
) -> None:
    other = only_visit(doctor=visit.doctor, date=day_ahead(5))
    entry.decline()
    other.cancel()
    assert holders(other.slot) == [entry.pk]


# --- leave ----------------------------------------------------------------------------------------


def test_leaving_passes_the_offered_place_on(visit: Appointment, entry: WaitlistEntry) -> None:
    following = WaitlistEntry.objects.last()
    entry.leave()
    assert holders(visit.slot) == [following.pk]
    assert not WaitlistEntry.objects.filter(pk=entry.pk).exists()
    with pytest.raises(WaitlistEntry.DoesNotExist):
        entry.leave()


def test_leaving_without_an_offer_changes_no_other_entry(
    visit: Appointment, entry: WaitlistEntry
) -> None:
    WaitlistEntry.objects.last().leave()
    assert holders(visit.slot) == [entry.pk]


# --- Erasure --------------------------------------------------------------------------------------


def test_erasing_a_person_passes_their_offer_on(visit: Appointment, entry: WaitlistEntry) -> None:
    following = WaitlistEntry.objects.last()
    MedicalHistoryFactory(patient=entry.patient)
    elsewhere = AppointmentFactory(patient=entry.patient)
    entry.patient.erase()
    assert holders(visit.slot) == [following.pk]
    assert_balanced(elsewhere.slot)
    assert not Patient.objects.filter(pk=entry.patient_id).exists()


def test_a_place_given_back_by_an_erasure_is_offered(visit: Appointment) -> None:
    entry = waiting(visit)
    waiting(visit, patient=visit.patient)
    visit.patient.erase()
    assert holders(visit.slot) == [entry.pk]


# --- The calendar ---------------------------------------------------------------------------------


def test_a_lapsed_offer_gives_way_to_a_booking(visit: Appointment, entry: WaitlistEntry) -> None:
    at = Offer.objects.get().created_at
    with pytest.raises(SlotFull):
        Appointment(patient=PatientFactory(), slot=visit.slot).book(at=at + HALF_AN_HOUR)
    Appointment(patient=PatientFactory(), slot=visit.slot).book(at=at + HOLD)
    with pytest.raises(NoOpenOffer):
        entry.accept(at=at + HALF_AN_HOUR)
    assert_balanced(visit.slot)
