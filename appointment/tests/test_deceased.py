"""A patient is marked deceased: what ends, what is refused, and what the mark leaves alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent
from appointment.models import Appointment, DeclinedSlot, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import holders, only_visit, waiting
from doctor.exceptions import PatientDeceased
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.balance import assert_balanced
from tests.problems import assert_problem
from tests.races import assert_in_order

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def child(patient: Patient) -> Patient:
    """Create a dependent of the account."""
    dependent: Patient = DependentFactory(user=patient.user)
    return dependent


def test_coming_visits_are_canceled_whatever_the_deadline(child: Patient, staff: Any) -> None:
    site = LocationFactory(cancel_deadline_minutes=60 * 24 * 30)
    past, coming = ScheduleFactory(location=site).slots.all()[:2]
    done = AppointmentFactory(patient=child, slot=past).complete(at=past.starts_at)
    visit = AppointmentFactory(patient=child, slot=coming)
    child.mark_deceased(by=staff)
    for row in (done, visit):
        row.refresh_from_db()
    assert (done.status, visit.status) == ("completed", "canceled")
    assert visit.cancel_reason == "The person is recorded as deceased."
    event = visit.events.get(kind="canceled")
    assert (event.actor, event.override_reason) == (staff, "The person is recorded as deceased.")
    assert_balanced(coming)


def test_a_visit_that_has_begun_stays(child: Patient) -> None:
    visit = AppointmentFactory(patient=child)
    child.mark_deceased(at=visit.starts_at)
    visit.refresh_from_db()
    assert visit.status == "scheduled"


def test_freed_places_and_offers_go_to_the_next_in_line(child: Patient) -> None:
    booked, offered = only_visit(), only_visit(date=day_ahead(5))
    Appointment.objects.filter(pk=booked.pk).update(patient=child)
    ending, next_one = waiting(offered, patient=child), waiting(offered)
    for_visit = waiting(booked)
    offered.cancel()
    assert holders(offered.slot) == [ending.pk]
    child.mark_deceased()
    assert holders(offered.slot) == [next_one.pk]
    assert holders(booked.slot) == [for_visit.pk]
    ending.refresh_from_db()
    assert ending.status == "expired"
    assert not DeclinedSlot.objects.exists()
    assert_in_order()


def test_an_entry_that_was_left_in_line_gets_no_offer(child: Patient) -> None:
    visit = only_visit()
    child.mark_deceased()
    waiting(visit, patient=child)  # as the previous release, which does not know the mark
    visit.cancel()
    assert holders(visit.slot) == []


def test_new_bookings_and_entries_are_refused(child: Patient, client_of: Any) -> None:
    slot, client = ScheduleFactory().slots.first(), client_of(child.user)
    child.mark_deceased()
    book, join = reverse("appointment-book", args=[slot.doctor_id]), reverse("waitlist-list")
    for wanted in ({"slot_id": slot.pk}, {"schedule_id": slot.schedule_id}):
        answer = client.post(book, {**wanted, "patient_id": child.pk})
        assert_problem(answer, 409, "patient_deceased")
    days = {"doctor": DoctorFactory().pk, "from": str(day_ahead(1)), "to": str(day_ahead(9))}
    answer = client.post(join, {**days, "patient_id": child.pk})
    assert_problem(answer, 409, "patient_deceased")
    assert client.post(book, {"slot_id": slot.pk}).status_code == 201  # for the carer


def test_the_reason_comes_first_and_is_not_waived(child: Patient) -> None:
    slot = ScheduleFactory().slots.first()
    child.mark_deceased()
    late = slot.ends_at + timedelta(days=1)
    with pytest.raises(PatientDeceased):
        Appointment(patient=child, slot=slot).book(at=late, override_reason="Family asks")


def test_a_visit_that_has_begun_is_not_moved(child: Patient) -> None:
    first, second = ScheduleFactory().slots.all()[:2]
    visit = AppointmentFactory(patient=child, slot=first)
    Patient.objects.filter(pk=child.pk).update(marked_deceased_at=timezone.now())
    with pytest.raises(PatientDeceased):
        visit.reschedule(to=second)


def test_a_deceased_no_show_is_not_checked_in_late(child: Patient, staff: Any) -> None:
    visit = AppointmentFactory(patient=child)
    at = visit.starts_at
    visit.mark_no_show(by=staff, at=at)
    child.mark_deceased(at=at)
    with pytest.raises(PatientDeceased):
        visit.check_in(by=staff, at=at)
    assert visit.undo(by=staff, at=at).status == "scheduled"  # a wrong no-show is put right


def test_no_undo_makes_a_visit_ahead_scheduled(child: Patient, staff: Any) -> None:
    early = AppointmentFactory(patient=child)
    before = early.starts_at - timedelta(minutes=5)
    early.check_in(by=staff, at=before)
    early.complete(by=staff, at=before)
    canceled = AppointmentFactory(patient=child)
    child.mark_deceased(at=before)
    for visit in (early, Appointment.objects.get(pk=canceled.pk)):
        with pytest.raises(PatientDeceased):
            visit.undo(by=staff, at=before, override_reason="Family asks")


def test_the_end_of_an_entry_leaves_an_audit_event(child: Patient) -> None:
    WaitlistEntryFactory(patient=child)
    child.mark_deceased()
    event = AuditEvent.objects.get(kind="appointment.waitlistentry")
    assert (event.action, event.patient_id) == ("change", child.pk)


def test_explain_says_deceased(child: Patient, client_of: Any) -> None:
    slot = ScheduleFactory().slots.first()
    child.mark_deceased()
    path = f"/api/doctor/doctors/{slot.doctor_id}/available-slots/"
    query = {"explain": "true", "patient": child.pk, "date": str(day_ahead(3))}
    rows = client_of(child.user).get(path, query).json()["results"]
    assert rows
    assert {row["reason"] for row in rows} == {"deceased"}


def test_the_family_still_reads_the_record(child: Patient, client_of: Any) -> None:
    AppointmentFactory(patient=child)
    child.mark_deceased()
    client = client_of(child.user)
    assert client.get(reverse("dependent-detail", args=[child.pk])).status_code == 200
    visits = client.get(reverse("appointment-list"), {"patient": child.pk}).json()["results"]
    assert [visit["status"] for visit in visits] == ["canceled"]


def test_the_mark_can_be_taken_back_and_a_second_one_changes_nothing(child: Patient) -> None:
    marked = timezone.now()
    child.mark_deceased(at=marked)
    child.mark_deceased()
    assert Patient.objects.get(pk=child.pk).marked_deceased_at == marked
    assert AuditEvent.objects.filter(action="change", patient_id=child.pk).count() == 1
    child.unmark_deceased()
    child.unmark_deceased()
    assert AuditEvent.objects.filter(action="change", patient_id=child.pk).count() == 2
    assert Appointment(patient=child, slot=ScheduleFactory().slots.first()).book()


def test_an_erased_person_is_not_marked() -> None:
    patient = PatientFactory(user=None)
    Patient.objects.get(pk=patient.pk).erase()
    for verb in (patient.mark_deceased, patient.unmark_deceased):
        with pytest.raises(Patient.DoesNotExist):
            verb()


def test_an_entry_that_ended_before_stays_as_it_was(child: Patient) -> None:
    entry = WaitlistEntryFactory(patient=child, status="accepted")
    child.mark_deceased()
    assert WaitlistEntry.objects.get(pk=entry.pk).status == "accepted"
