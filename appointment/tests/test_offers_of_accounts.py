"""An account has one open offer of a slot, and a patient gets no offer of a slot twice."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointment import jobs
from appointment.models import Appointment, DeclinedSlot, Offer, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import (
    HALF_AN_HOUR,
    end_offers,
    holders,
    offered,
    only_visit,
    waiting,
)
from doctor.models import Schedule, Slot
from doctor.tests.factories import ScheduleFactory, SpecialtyFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db


@pytest.fixture
def child(patient: Patient) -> Patient:
    """Return a dependent of the account of `patient`."""
    dependent: Patient = DependentFactory(user=patient.user)
    return dependent


def waits_twice(visit: Appointment, patient: Patient) -> list[WaitlistEntry]:
    """Create an entry of the patient for the visit's doctor, and one for a specialty of theirs."""
    specialty = SpecialtyFactory()
    visit.doctor.specialties.add(specialty)
    by_specialty = waiting(visit, doctor=None, specialty=specialty, patient=patient)
    return [waiting(visit, patient=patient), by_specialty]


def two_visits() -> list[Appointment]:
    """Create two visits that fill a slot."""
    slot = ScheduleFactory(slot_minutes=None, capacity=2).slots.get()
    return [AppointmentFactory(slot=slot) for _ in range(2)]


def on_sale(slot: Slot, at: datetime | None = None) -> bool:
    """Whether anybody can book the slot, after `run_due` has offered what it can."""
    at = at or timezone.now()
    assert jobs.offer_free_places(at) == 0
    assert_balanced(slot)
    return Slot.objects.bookable(at).filter(pk=slot.pk).exists()


# --- Never the same slot again --------------------------------------------------------------------


def test_a_place_is_offered_once_to_each_person_of_an_account(
    visit: Appointment, patient: Patient
) -> None:
    people = [patient, *DependentFactory.create_batch(3, user=patient.user)]
    for person in people:
        waits_twice(visit, person)
    visit.cancel()
    offers: list[Offer] = []
    for _ in range(40):  # more often than there are entries
        open_now = list(Offer.objects.open().select_related("entry"))
        assert len(open_now) <= 1
        for offer in open_now:
            offer.entry.decline()
        offers += open_now
    assert [offer.entry.patient_id for offer in offers] == [person.pk for person in people]
    assert on_sale(visit.slot)


def test_a_place_that_nobody_accepts_lapses_once_for_each_person(
    visit: Appointment, patient: Patient, child: Patient
) -> None:
    for person in (patient, child):
        waits_twice(visit, person)
    at = timezone.now()
    visit.cancel(at=at)
    for number in range(1, 4):
        jobs.expire_offers(at + number * HALF_AN_HOUR)
        jobs.offer_free_places(at + number * HALF_AN_HOUR)
    assert Offer.objects.filter(status="expired").count() == 2
    assert on_sale(visit.slot, at + 3 * HALF_AN_HOUR)


@pytest.mark.parametrize("way", ["decline", "lapse", "leave"])
def test_who_joins_again_is_not_offered_the_slot_that_they_gave_up(
    visit: Appointment, patient: Patient, way: str
) -> None:
    entry, at = waiting(visit, patient=patient), timezone.now()
    visit.cancel(at=at)
    if way == "lapse":
        at += HALF_AN_HOUR
        jobs.expire_offers(at)
        entry.leave(at=at)
    elif way == "decline":
        entry.decline()
        entry.leave()
    else:
        entry.leave()
    waiting(visit, patient=patient)
    assert offered(visit.slot, at) == 0
    nobody = waiting(visit, patient=PatientFactory(user=None))
    assert offered(visit.slot, at) == 1
    assert holders(visit.slot) == [nobody.pk]


def test_another_slot_is_still_offered(patient: Patient) -> None:
    first, second = ScheduleFactory().slots.all()[:2]
    entry = waiting(AppointmentFactory(slot=first), patient=patient)
    Appointment.objects.get().cancel()
    assert holders(first) == [entry.pk]
    entry.decline()
    assert offered(second) == 1
    assert holders(second) == [entry.pk]


@pytest.mark.parametrize(("minutes", "again"), [(29, 1), (30, 0)])
def test_a_closed_slot_that_opens_again_is_offered_to_a_patient_who_let_no_offer_lapse(
    visit: Appointment, patient: Patient, minutes: int, again: int
) -> None:
    """Whether or not `run_due` has ended the offer in between."""
    waiting(visit, patient=patient)
    at = timezone.now()
    visit.cancel(at=at)
    at += timedelta(minutes=minutes)
    end_offers(visit.slot, "withdraw", {visit.slot_id}, at)
    assert holders(visit.slot) == []
    assert offered(visit.slot, at) == again


def test_the_slots_that_a_person_declined_go_with_the_person(
    visit: Appointment, patient: Patient
) -> None:
    entry = waiting(visit, patient=patient)
    visit.cancel()
    entry.decline()
    assert DeclinedSlot.objects.filter(patient=patient).count() == 1
    patient.erase()
    assert not DeclinedSlot.objects.exists()


@pytest.mark.parametrize("way", ["decline", "lapse", "cancel"])
def test_a_time_that_was_given_up_is_not_offered_when_its_session_is_made_anew(
    patient: Patient, way: str
) -> None:
    session = ScheduleFactory(start_time=time(9), end_time=time(10), slot_minutes=None)
    slot, at = session.slots.get(), timezone.now()
    if way == "cancel":
        WaitlistEntryFactory(doctor=session.doctor, patient=patient)
        AppointmentFactory(slot=slot, patient=patient).cancel(at=at + HALF_AN_HOUR)
    else:
        visit = AppointmentFactory(slot=slot)
        entry = waiting(visit, patient=patient)
        visit.cancel(at=at)
        if way == "decline":
            entry.decline()
        else:
            jobs.expire_offers(at + HALF_AN_HOUR)
    for start in (time(9, 30), time(9)):
        Schedule.objects.get(pk=session.pk).revise(start_time=start)
        Offer.objects.open().filter(slot__starts_at__gt=slot.starts_at).end("withdrawn")
    again = session.slots.get()
    assert (again.starts_at, again.pk) != (slot.starts_at, slot.pk)
    assert offered(again, at + HALF_AN_HOUR) == 0
    assert holders(again) == []


# --- One open offer of a slot for an account ------------------------------------------------------


def test_of_two_free_places_an_account_is_offered_one(patient: Patient, child: Patient) -> None:
    visits = two_visits()
    entries = [waiting(visits[0], patient=person) for person in (patient, child)]
    stranger = waiting(visits[0])
    for visit in visits:
        visit.cancel()
    assert holders(visits[0].slot) == [entries[0].pk, stranger.pk]
    entries[0].decline()
    assert holders(visits[0].slot) == [stranger.pk, entries[1].pk]


def test_the_place_that_an_account_may_not_have_is_on_sale(
    patient: Patient, child: Patient
) -> None:
    visits = two_visits()
    entries = [waiting(visits[0], patient=person) for person in (patient, child)]
    for visit in visits:
        visit.cancel()
    assert holders(visits[0].slot) == [entries[0].pk]
    assert on_sale(visits[0].slot)


def test_people_of_an_account_are_offered_different_slots(patient: Patient, child: Patient) -> None:
    session = ScheduleFactory()
    first, second = session.slots.all()[:2]
    visits = [AppointmentFactory(slot=slot) for slot in (first, second)]
    entries = [waiting(visits[0], patient=person) for person in (patient, child)]
    for visit in visits:
        visit.cancel()
    assert (holders(first), holders(second)) == ([entries[0].pk], [entries[1].pk])


def test_people_without_an_account_are_each_offered_a_place() -> None:
    visits = two_visits()
    entries = [waiting(visits[0], patient=PatientFactory(user=None)) for _ in range(2)]
    for visit in visits:
        visit.cancel()
    assert holders(visits[0].slot) == [entry.pk for entry in entries]


def test_an_offer_counts_for_the_account_of_then_and_for_that_of_now(
    patient: Patient, child: Patient
) -> None:
    """Staff link the dependent, who has an open offer, to another account."""
    visits, other = two_visits(), PatientFactory(user=UserFactory())
    entry = waiting(visits[0], patient=child)
    visits[0].cancel()
    assert holders(visits[0].slot) == [entry.pk]
    child.revise(user=other.user)
    for person in (patient, other):
        waiting(visits[0], patient=person)
    visits[1].cancel()
    assert holders(visits[0].slot) == [entry.pk]


# --- Accounts that are inactive -------------------------------------------------------------------


def test_an_inactive_account_is_passed_over(
    visit: Appointment, patient: Patient, child: Patient
) -> None:
    patient.user.revise(is_active=False)
    for person in (patient, child):
        waiting(visit, patient=person)
    nobody = waiting(visit, patient=PatientFactory(user=None))
    visit.cancel()
    assert holders(visit.slot) == [nobody.pk]


def test_the_api_shows_no_second_offer_to_one_account(
    patient: Patient, child: Patient, client_of: Any
) -> None:
    visits = two_visits()
    for person in (patient, child):
        waiting(visits[0], patient=person)
    for visit in visits:
        visit.cancel()
    answer = client_of(patient.user).get("/api/appointment/waitlist/").json()["results"]
    assert [row["status"] for row in answer] == ["offered", "waiting"]


@pytest.mark.both_databases
@pytest.mark.parametrize("way", ["end", "save"])
def test_an_account_that_ends_loses_its_offers_to_the_next(
    visit: Appointment, patient: Patient, child: Patient, superuser: User, way: str
) -> None:
    other = only_visit(doctor=visit.doctor, date=visit.date + timedelta(days=1))
    entries = [waiting(visit, patient=patient), waiting(visit, patient=child), waiting(visit)]
    for each in (visit, other):
        each.cancel()
    assert (holders(visit.slot), holders(other.slot)) == ([entries[0].pk], [entries[1].pk])
    if way == "end":
        patient.user.end(by=superuser)
    else:
        patient.user.is_active = False
        patient.user.save()
    assert (holders(visit.slot), holders(other.slot)) == ([entries[2].pk], [])
    statuses = WaitlistEntry.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["waiting", "waiting", "offered"]
    assert not DeclinedSlot.objects.exists()


def test_run_due_passes_on_an_offer_that_an_ended_account_got_at_the_same_moment(
    visit: Appointment, patient: Patient
) -> None:
    waiting(visit, patient=patient)
    following = waiting(visit)
    visit.cancel()
    User.objects.filter(pk=patient.user.pk).update(is_active=False)
    assert jobs.expire_offers(timezone.now()) == 1
    assert holders(visit.slot) == [following.pk]
