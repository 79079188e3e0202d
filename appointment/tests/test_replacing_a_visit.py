"""An entry that replaces a visit: to accept an offer moves the visit to the earlier slot."""

from datetime import time
from typing import Any

import pytest
from django.utils import timezone

from appointment import jobs
from appointment.exceptions import CancelDeadlinePassed, NoOpenOffer, PlaceAvailable
from appointment.models import Appointment, WaitlistEntry
from appointment.models.offer import with_state
from appointment.models.waitlist_matching import WaitlistCriteria
from appointment.tests.factories import AppointmentFactory
from appointment.tests.waitlist import holders, only_visit, waiting
from doctor.models import Location
from doctor.tests.factories import ScheduleFactory, SpecialtyFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.balance import assert_balanced
from tests.problems import assert_invalid, assert_problem

pytestmark = pytest.mark.django_db
PATH = "/api/appointment/waitlist/"


@pytest.fixture
def later(visit: Appointment, patient: Patient) -> Appointment:
    """Return a visit of the patient, three days after that which fills the doctor's only slot."""
    return visit_of(patient, visit, 6)


def visit_of(patient: Patient, visit: Appointment, days: int, **session: Any) -> Appointment:
    """Create a visit of the patient, so many days ahead, with the doctor of the other visit."""
    place = {"doctor": visit.doctor, "location": visit.location, "slot_minutes": None}
    slot = ScheduleFactory(date=day_ahead(days), **place, **session).slots.get()
    found: Appointment = AppointmentFactory(patient=patient, slot=slot)
    return found


def rule(visit: Appointment, **rules: int) -> None:
    Location.objects.filter(pk=visit.location_id).update(**rules)


def body(visit: Appointment, replaces: Any) -> dict[str, Any]:
    days = {"from": str(day_ahead(1)), "to": str(day_ahead(20))}
    return {"doctor": visit.doctor_id, "replaces": replaces, **days}


# --- Joining --------------------------------------------------------------------------------------


def test_an_entry_shows_the_visit_that_it_replaces(
    visit: Appointment, later: Appointment, patient: Patient, client_of
) -> None:
    answer = client_of(patient.user).post(PATH, body(visit, later.pk))
    assert (answer.status_code, answer.json()["replaces"]) == (201, later.pk)


def test_only_an_own_visit_that_is_ahead_is_replaced(
    visit: Appointment, later: Appointment, patient: Patient, client_of
) -> None:
    client = client_of(patient.user)
    child = DependentFactory(user=patient.user)
    of_child = AppointmentFactory(patient=child)
    for key in (visit.pk, 10**9):
        assert_problem(client.post(PATH, body(visit, key)), 404, "not_found")
    later.cancel()
    for key in (later.pk, of_child.pk):
        assert_invalid(client.post(PATH, body(visit, key)), "replaces")
    assert_invalid(client.post(PATH, body(visit, "x")), "replaces")
    assert not WaitlistEntry.objects.exists()


def test_a_visit_that_cannot_be_moved_any_more_is_not_replaced(
    visit: Appointment, later: Appointment, patient: Patient, staff: Any, client_of
) -> None:
    rule(visit, cancel_deadline_minutes=9 * 24 * 60)
    answer = client_of(patient.user).post(PATH, body(visit, later.pk))
    assert_problem(answer, 409, "cancel_deadline_passed")
    for_staff = client_of(staff).post(PATH, {**body(visit, later.pk), "patient_id": patient.pk})
    sentence = assert_problem(for_staff, 409, "cancel_deadline_passed")["detail"]
    assert "move the visit itself" in sentence


def test_a_later_place_is_not_reported_as_available_and_an_earlier_one_is(
    visit: Appointment, later: Appointment, patient: Patient, client_of
) -> None:
    ScheduleFactory(doctor=visit.doctor, location=visit.location, date=day_ahead(9))
    client = client_of(patient.user)
    assert_problem(client.post(PATH, body(visit, None)), 409, "place_available")
    rule(visit, max_live_per_patient=1)
    entry = client.post(PATH, body(visit, later.pk))
    assert entry.status_code == 201
    client.delete(f"{PATH}{entry.json()['id']}/")
    ScheduleFactory(doctor=visit.doctor, location=visit.location, date=day_ahead(4))
    answer = assert_problem(client.post(PATH, body(visit, later.pk)), 409, "place_available")
    assert {row["starts_at"][:10] for row in answer["alternatives"]} == {str(day_ahead(4))}


def test_joining_leaves_the_replaced_visit_out_of_overlaps(
    visit: Appointment, patient: Patient
) -> None:
    mine = visit_of(patient, visit, 4, start_time=time(9, 30), end_time=time(12))
    other = ScheduleFactory(date=mine.date, location=visit.location, slot_minutes=None)
    wish = {"doctor": other.doctor, "first_date": mine.date, "last_date": mine.date}
    assert WaitlistEntry(patient=patient, **wish).join().pk  # the visit is in the way
    patient.waitlist_entries.all().delete()
    with pytest.raises(PlaceAvailable):
        WaitlistEntry(patient=patient, replaces=mine, **wish).join()


# --- Offers ---------------------------------------------------------------------------------------


@pytest.mark.both_databases
@pytest.mark.parametrize("limit", ["max_live_per_patient", "account", "overlap"])
def test_the_replaced_visit_is_in_the_way_of_no_offer(
    visit: Appointment, patient: Patient, settings: Any, limit: str
) -> None:
    mine = visit_of(patient, visit, 6)
    if limit == "max_live_per_patient":
        rule(visit, max_live_per_patient=1)
    elif limit == "account":
        settings.MAX_AHEAD_PER_ACCOUNT = 1
    else:
        half_past = {"start_time": time(9, 30), "end_time": time(11, 30), "slot_minutes": None}
        mine = AppointmentFactory(patient=patient, slot=ScheduleFactory(**half_past).slots.get())
    plain, entry = waiting(visit, patient=patient), waiting(visit, patient=patient, replaces=mine)
    visit.cancel()
    assert holders(visit.slot) == [entry.pk]
    assert entry.accept().pk == mine.pk
    plain.refresh_from_db()
    assert plain.status == "accepted"


@pytest.mark.both_databases
@pytest.mark.parametrize("way", ["later", "deadline", "checked in", "canceled"])
def test_no_offer_is_made_that_could_not_be_accepted(
    visit: Appointment, patient: Patient, way: str
) -> None:
    mine = visit_of(patient, visit, 2 if way == "later" else 6)
    entry = waiting(visit, patient=patient, replaces=mine)
    if way == "deadline":
        rule(visit, cancel_deadline_minutes=9 * 24 * 60)
    elif way == "checked in":
        Appointment.objects.filter(pk=mine.pk).update(checked_in_at=timezone.now())
    elif way == "canceled":
        mine.cancel()
        WaitlistEntry.objects.filter(pk=entry.pk).update(status="waiting")
    visit.cancel(override_reason="The doctor is ill")
    assert holders(visit.slot) == []
    assert jobs.offer_free_places(timezone.now()) == 0


@pytest.mark.both_databases
@pytest.mark.parametrize("flagged", [False, True])
def test_a_flagged_visit_has_no_deadline(
    visit: Appointment, later: Appointment, patient: Patient, flagged: bool
) -> None:
    Appointment.objects.filter(pk=later.pk).update(needs_rebooking=flagged)
    rule(visit, cancel_deadline_minutes=9 * 24 * 60)
    waiting(visit, patient=patient, replaces=later)
    visit.cancel(override_reason="The doctor is ill")
    assert len(holders(visit.slot)) == flagged


def test_an_offer_that_moves_a_visit_takes_up_no_limit(
    visit: Appointment, later: Appointment, patient: Patient
) -> None:
    """Of two visits that are allowed, one would be moved: another offer adds the second."""
    rule(visit, max_live_per_patient=2)
    specialty = SpecialtyFactory()
    other = only_visit(date=day_ahead(4), location=visit.location)
    other.doctor.specialties.add(specialty)
    first = waiting(visit, patient=patient, replaces=later)
    second = waiting(other, patient=patient)
    visit.cancel()
    other.cancel()
    assert (holders(visit.slot), holders(other.slot)) == ([first.pk], [second.pk])


def test_offers_of_other_sites_take_up_no_limit_here(visit: Appointment, patient: Patient) -> None:
    """An entry with an open offer elsewhere counts once: its earlier offers here are over."""
    rule(visit, max_live_per_patient=1)
    elsewhere = only_visit(doctor=visit.doctor, date=day_ahead(8))
    entry = waiting(visit, patient=patient)
    visit.cancel()
    entry.decline()
    elsewhere.cancel()
    assert holders(elsewhere.slot) == [entry.pk]
    another = only_visit(location=visit.location, date=day_ahead(5))
    second = waiting(another, patient=patient)
    another.cancel()
    assert holders(another.slot) == [second.pk]


# --- Accepting ------------------------------------------------------------------------------------


@pytest.fixture
def entry(visit: Appointment, later: Appointment, patient: Patient) -> WaitlistEntry:
    """Return an entry that replaces `later`, and has an offer of the slot of `visit`."""
    found: WaitlistEntry = waiting(visit, patient=patient, replaces=later)
    visit.cancel()
    assert holders(visit.slot) == [found.pk]
    return found


def test_accepting_moves_the_visit(
    visit: Appointment, later: Appointment, entry: WaitlistEntry, patient: Patient, client_of
) -> None:
    following = waiting(later)
    answer = client_of(patient.user).post(f"{PATH}{entry.pk}/accept/")
    assert answer.status_code == 201
    moved = client_of(patient.user).get(answer["Location"]).json()
    assert (moved["id"], moved["slot_id"]) == (later.pk, visit.slot_id)
    assert [event["kind"] for event in moved["events"]] == ["booked", "rescheduled"]
    assert (holders(visit.slot), holders(later.slot)) == ([], [following.pk])
    assert patient.appointments.count() == 1
    entry.refresh_from_db()
    assert entry.status == "accepted"


def test_the_deadline_of_the_replaced_visit_applies_and_the_offer_stands(
    visit: Appointment, entry: WaitlistEntry, patient: Patient, staff: Any, client_of
) -> None:
    rule(visit, cancel_deadline_minutes=9 * 24 * 60)
    with pytest.raises(CancelDeadlinePassed):
        entry.accept(by=patient.user)
    assert holders(visit.slot) == [entry.pk]
    path, why = f"{PATH}{entry.pk}/accept/", {"override_reason": "The doctor asks for it."}
    assert_problem(client_of(patient.user).post(path, why), 403, "permission_denied")
    assert client_of(staff).post(path, why).status_code == 201


@pytest.mark.both_databases
@pytest.mark.parametrize("way", ["cancel", "complete", "no_show", "discard"])
def test_an_entry_ends_with_the_visit_that_it_replaces(
    visit: Appointment, later: Appointment, entry: WaitlistEntry, way: str
) -> None:
    following = waiting(visit)
    if way == "cancel":
        later.cancel()
    elif way == "discard":
        later.discard()
    elif way == "complete":
        Appointment.objects.filter(pk=later.pk).update(checked_in_at=timezone.now())
        later.complete()
    else:  # the visit has begun and the offer has expired, and nothing has ended it
        later.mark_no_show(at=later.starts_at)
    entry.refresh_from_db()
    assert entry.status == "expired"
    assert holders(visit.slot) == ([] if way == "no_show" else [following.pk])
    with pytest.raises(NoOpenOffer):
        entry.accept()


def test_an_entry_ends_with_its_visit_even_where_the_verb_has_missed_it(
    visit: Appointment, later: Appointment, entry: WaitlistEntry, client_of
) -> None:
    following = waiting(visit)
    Appointment.objects.filter(pk=later.pk).update(status="canceled", canceled_at=timezone.now())
    shown = client_of(entry.patient.user).get(f"{PATH}{entry.pk}/").json()
    assert (shown["status"], shown["position"], shown["offer"]) == ("expired", None, None)
    with pytest.raises(NoOpenOffer):
        entry.accept()
    assert jobs.expire_entries(timezone.now()) == 1
    entry.refresh_from_db()
    assert entry.status == "expired"
    assert holders(visit.slot) == [following.pk]
    assert jobs.expire_entries(timezone.now()) == 0


def test_an_entry_whose_visit_is_gone_has_ended_too(
    visit: Appointment, later: Appointment, entry: WaitlistEntry
) -> None:
    """The previous release deletes a visit without knowing of the entry."""
    later.slot.release()
    later.delete()
    rows: Any = with_state(WaitlistEntry.objects.filter(pk=entry.pk), timezone.now())
    [shown] = rows
    assert (shown.state, shown.acceptable_offers) == ("expired", [])
    behind = waiting(visit)
    rows = with_state(WaitlistEntry.objects.filter(pk=behind.pk), timezone.now())
    [shown] = rows
    assert shown.position == 1
    twin = waiting(visit, patient=PatientFactory(user=None))
    entry.patient.merge(twin.patient)
    twin.refresh_from_db()
    assert (twin.patient, twin.status) == (entry.patient, "waiting")
    fresh = WaitlistEntry.objects.get(pk=entry.pk)
    with pytest.raises(NoOpenOffer):
        fresh.accept()
    assert jobs.expire_entries(timezone.now()) == 1


def test_a_move_to_an_earlier_time_still_withdraws_the_offer(
    visit: Appointment, later: Appointment, patient: Patient, entry: WaitlistEntry
) -> None:
    """The entry does not fit the new slot, which is another doctor's, and stays in line."""
    following = waiting(visit, last_date=visit.date)
    earlier = ScheduleFactory(date=day_ahead(2)).slots.first()
    later.reschedule(to=earlier)
    entry.refresh_from_db()
    assert entry.status == "waiting"
    assert holders(visit.slot) == [following.pk]
    assert not patient.declined_slots.exists()


def test_a_move_to_a_later_time_leaves_the_offer(
    visit: Appointment, later: Appointment, entry: WaitlistEntry
) -> None:
    later.reschedule(to=ScheduleFactory(date=day_ahead(12)).slots.first())
    assert holders(visit.slot) == [entry.pk]
    assert entry.accept().pk == later.pk
    assert_balanced(visit.slot)


def test_criteria_know_the_visit_that_is_replaced(
    visit: Appointment, later: Appointment, patient: Patient
) -> None:
    entry = WaitlistEntry.objects.get(pk=waiting(visit, patient=patient, replaces=later).pk)
    zone = visit.location.zone
    criteria = WaitlistCriteria.of(entry)
    for each, fits in ((visit, True), (later, False)):
        span = each.starts_at.astimezone(zone), each.ends_at.astimezone(zone)
        assert criteria.matches(*span) is fits
        assert (each.slot in criteria.slots([visit.location])) is fits
        matching = WaitlistEntry.objects.matching(each.slot)
        assert matching.filter(pk=entry.pk).exists() is fits


# --- The visit comes back -------------------------------------------------------------------------


@pytest.mark.both_databases
@pytest.mark.parametrize("way", ["cancel", "complete"])
def test_an_entry_waits_again_where_it_was_once_the_end_of_its_visit_is_undone(
    visit: Appointment, later: Appointment, entry: WaitlistEntry, staff: Any, way: str
) -> None:
    following = waiting(visit)
    if way == "cancel":
        later.cancel(by=staff)
    else:
        Appointment.objects.filter(pk=later.pk).update(checked_in_at=timezone.now())
        later.complete(by=staff)
    assert WaitlistEntry.objects.get(pk=entry.pk).status == "expired"
    waiting(visit, patient=entry.patient, replaces=later, status="expired")  # of the same wish
    later.undo(by=staff)
    states: Any = with_state(WaitlistEntry.objects.in_line(visit.date), timezone.now())
    assert [(row.state, row.position) for row in states] == [("waiting", 1), ("offered", 2)]
    assert holders(visit.slot) == [following.pk]


@pytest.mark.parametrize("why", ["last date", "joined again", "begun"])
def test_an_undo_does_not_restore_an_entry_that_could_get_no_offer(
    visit: Appointment, later: Appointment, entry: WaitlistEntry, staff: Any, why: str
) -> None:
    at = timezone.now()
    if why == "begun":
        at = later.starts_at
        later.mark_no_show(by=staff, at=at)
    else:
        later.cancel(by=staff)
    if why == "last date":
        yesterday = {"first_date": day_ahead(-2), "last_date": day_ahead(-2)}
        WaitlistEntry.objects.filter(pk=entry.pk).update(**yesterday)
    elif why == "joined again":
        waiting(visit, patient=entry.patient)
    later.undo(by=staff, at=at)
    entry.refresh_from_db()
    assert (later.status, entry.status) == ("scheduled", "expired")


def test_an_erased_person_leaves_no_entry(entry: WaitlistEntry, visit: Appointment) -> None:
    following = waiting(visit)
    entry.patient.erase()
    assert not WaitlistEntry.objects.filter(pk=entry.pk).exists()
    assert holders(visit.slot) == [following.pk]
