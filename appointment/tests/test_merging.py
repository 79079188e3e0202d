"""Two records of one person are merged: what moves, what ends, and what the merge refuses."""

import json
from datetime import time, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent
from accounts.tests.factories import UserFactory
from appointment.exceptions import VisitsCollide
from appointment.export import Export
from appointment.models import Appointment, DeclinedSlot, IdempotencyKey, Offer, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import holders, offered, only_visit, waiting
from doctor.tests.factories import DoctorFactory, ScheduleFactory, SiteStaffFactory, day_ahead
from patient.exceptions import (
    AlreadyMerged,
    OneIsDeceased,
    OwnRecord,
    SameRecord,
    TwoAccounts,
)
from patient.models import EmergencyAccess, MergedPatient, Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory, PatientFactory
from tests.balance import assert_balanced
from tests.races import assert_in_order

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def at_desk(**fields: Any) -> Patient:
    """Create a patient without an account, as the reception records one."""
    patient: Patient = PatientFactory(user=None, **fields)
    return patient


def test_visits_history_accesses_and_answers_go_to_the_one_who_stays() -> None:
    kept, gone = PatientFactory(), at_desk()
    slots = ScheduleFactory().slots.all()
    visits = [AppointmentFactory(patient=gone, slot=slot) for slot in slots[:2]]
    visits[1].cancel()
    entry = MedicalHistoryFactory(patient=gone)
    access = EmergencyAccess.objects.create(
        patient=gone, user=UserFactory(), reason="Unconscious", expires_at=timezone.now()
    )
    answer = IdempotencyKey.objects.create(user=kept.user, key="k", patient=gone)
    kept.merge(gone)
    assert set(Appointment.objects.filter(patient=kept)) == set(visits)
    for row in (entry, access, answer):
        row.refresh_from_db()
        assert row.patient == kept
    assert not Patient.objects.filter(pk=gone.pk).exists()
    pointer = MergedPatient.objects.get()
    assert (pointer.old_key, pointer.patient) == (gone.pk, kept)
    assert_balanced(visits[0].slot)
    assert_in_order()


def test_empty_fields_are_filled_and_those_of_the_one_who_stays_stand() -> None:
    kept = at_desk(last_name="Reed", address="High Street 1", emergency_contact_name="Ben")
    gone = at_desk(
        last_name="Reed",
        address="Low Street 2",
        phone_number="+34612345678",
        sex="female",
        date_of_birth=day_ahead(-9000),
        emergency_contact_name="Cleo",
        emergency_contact_phone="+34612345679",
    )
    kept.merge(gone)
    kept.refresh_from_db()
    assert (kept.address, kept.phone_number, kept.sex) == (
        "High Street 1",
        "+34612345678",
        "female",
    )
    assert kept.date_of_birth == gone.date_of_birth
    assert (kept.emergency_contact_name, kept.emergency_contact_phone) == ("Ben", "")


@pytest.mark.parametrize("stays", ["with account", "without account"])
def test_a_sole_account_goes_to_the_one_who_stays_with_its_dependents(stays: str) -> None:
    owner, desk = PatientFactory(), at_desk()
    child = DependentFactory(user=owner.user)
    kept, gone = (owner, desk) if stays == "with account" else (desk, owner)
    account = owner.user
    kept.merge(gone)
    assert Patient.objects.own_of(account).get() == kept
    assert Patient.objects.dependents_of(account).get() == child


def test_the_records_of_an_account_become_its_own_profile() -> None:
    own = PatientFactory()
    child = DependentFactory(user=own.user)
    child.merge(own)
    child.refresh_from_db()
    assert (child.user, child.is_dependent) == (own.user, False)


def test_a_dependent_stays_a_dependent() -> None:
    child, desk = DependentFactory(), at_desk()
    desk.merge(child)
    desk.refresh_from_db()
    assert (desk.user, desk.is_dependent) == (child.user, True)


# --- Refusals -------------------------------------------------------------------------------------


def test_a_record_is_not_merged_with_itself(patient: Patient) -> None:
    with pytest.raises(SameRecord):
        patient.merge(Patient.objects.get(pk=patient.pk))


def test_two_accounts_are_refused(patient: Patient, other_patient: Patient) -> None:
    with pytest.raises(TwoAccounts):
        patient.merge(other_patient)


def test_a_record_is_merged_once(patient: Patient) -> None:
    gone, third = at_desk(), at_desk()
    patient.merge(Patient.objects.get(pk=gone.pk))
    for kept, other in ((patient, gone), (third, gone), (gone, third)):
        with pytest.raises(AlreadyMerged):
            kept.merge(other)


def test_an_erased_person_is_not_merged(patient: Patient) -> None:
    gone = at_desk()
    Patient.objects.get(pk=gone.pk).erase()
    with pytest.raises(Patient.DoesNotExist):
        patient.merge(gone)


@pytest.mark.parametrize("start", [time(9), time(9, 15), time(8, 45)])
def test_live_visits_that_share_time_are_refused(patient: Patient, start: time) -> None:
    gone, day = at_desk(), day_ahead(3)
    first = ScheduleFactory(date=day, slot_minutes=30).slots.first()
    second = ScheduleFactory(date=day, start_time=start, slot_minutes=30).slots.first()
    AppointmentFactory(patient=patient, slot=first)
    visit = AppointmentFactory(patient=gone, slot=second)
    with pytest.raises(VisitsCollide):
        patient.merge(gone)
    assert Patient.objects.filter(pk=gone.pk).exists()
    visit.cancel()
    patient.merge(gone)
    assert_in_order()


def test_visits_in_one_slot_are_refused(patient: Patient) -> None:
    gone, slot = at_desk(), ScheduleFactory(capacity=2).slots.first()
    for person in (patient, gone):
        AppointmentFactory(patient=person, slot=slot)
    with pytest.raises(VisitsCollide):
        patient.merge(gone)


def test_staff_merge_no_record_of_their_own_account(staff: Any) -> None:
    own, desk = PatientFactory(user=staff), at_desk()
    for kept, gone in ((own, desk), (desk, own)):
        with pytest.raises(OwnRecord):
            kept.merge(gone, by=staff)


def test_a_mark_of_one_of_them_is_refused(patient: Patient) -> None:
    gone = at_desk()
    gone.mark_deceased()
    with pytest.raises(OneIsDeceased):
        patient.merge(gone)


def test_staff_of_a_site_merge_only_people_of_the_site(member: Any, here: Any) -> None:
    slots = ScheduleFactory(location=here).slots.all()
    kept, gone = AppointmentFactory(slot=slots[0]).patient, at_desk()
    with pytest.raises(Patient.DoesNotExist):
        kept.merge(gone, by=member)
    AppointmentFactory(slot=slots[1], patient=gone)
    kept.merge(gone, by=member)


def test_staff_without_a_site_merge_nobody(staff: Any) -> None:
    SiteStaffFactory()
    kept, gone = at_desk(), at_desk()
    with pytest.raises(Patient.DoesNotExist):
        kept.merge(gone, by=staff)


# --- The waitlist ---------------------------------------------------------------------------------


@pytest.mark.parametrize("older", ["kept", "gone"])
def test_of_double_wishes_the_older_stays(older: str) -> None:
    kept, gone, doctor = at_desk(), at_desk(), DoctorFactory()
    first, second = (kept, gone) if older == "kept" else (gone, kept)
    entries = [WaitlistEntryFactory(patient=each, doctor=doctor) for each in (first, second)]
    other_wish = WaitlistEntryFactory(patient=gone)
    kept.merge(gone)
    found = dict(WaitlistEntry.objects.filter(patient=kept).values_list("pk", "status"))
    assert found == {
        entries[0].pk: "waiting",
        entries[1].pk: "expired",
        other_wish.pk: "waiting",
    }


def test_the_offer_of_the_later_wish_goes_to_the_next_in_line() -> None:
    visit = only_visit()
    kept, gone = at_desk(), at_desk()
    later_days = {"first_date": day_ahead(4)}  # does not fit the visit's day
    first = waiting(visit, patient=kept, **later_days)
    second, next_one = waiting(visit, patient=gone), waiting(visit)
    visit.cancel()
    assert holders(visit.slot) == [second.pk]
    kept.merge(gone)
    assert holders(visit.slot) == [next_one.pk]
    found = WaitlistEntry.objects.in_bulk([first.pk, second.pk, next_one.pk])
    assert [row.status for row in found.values()] == ["waiting", "expired", "offered"]


def test_an_open_offer_moves_with_its_entry_and_gets_the_account(patient: Patient) -> None:
    visit, gone = only_visit(), at_desk()
    entry = waiting(visit, patient=gone)
    visit.cancel()
    patient.merge(gone)
    assert holders(visit.slot) == [entry.pk]
    assert Offer.objects.get().account == patient.user_id
    entry.refresh_from_db()
    assert entry.accept(by=patient.user).patient == patient


def test_an_offer_that_overlaps_a_visit_of_the_other_is_withdrawn(patient: Patient) -> None:
    visit, gone = only_visit(), at_desk()
    same_time = ScheduleFactory(date=visit.date, slot_minutes=None).slots.get()
    AppointmentFactory(patient=patient, slot=same_time)
    entry = waiting(visit, patient=gone)
    visit.cancel()
    assert holders(visit.slot) == [entry.pk]
    patient.merge(gone)
    assert holders(visit.slot) == []
    assert_in_order()


def test_an_offer_stays_that_overlaps_the_visit_it_would_move(patient: Patient) -> None:
    visit, gone = only_visit(), at_desk()
    later = ScheduleFactory(date=visit.date, start_time=time(10), slot_minutes=None).slots.get()
    mine = AppointmentFactory(patient=gone, slot=later)
    waiting(visit, patient=gone, replaces=mine)
    visit.cancel()
    offer = Offer.objects.open().get()
    patient.merge(gone)
    assert Offer.objects.open().get() == offer
    assert WaitlistEntry.objects.get().accept(by=patient.user).pk == mine.pk


def test_overlapping_offers_of_both_leave_the_older(patient: Patient) -> None:
    one, two, gone = only_visit(), only_visit(), at_desk()
    first, _second = waiting(one, patient=gone), waiting(two, patient=patient)
    one.cancel()
    two.cancel()
    patient.merge(gone)
    assert (holders(one.slot), holders(two.slot)) == ([first.pk], [])


def test_an_account_keeps_one_open_offer_of_a_slot(patient: Patient) -> None:
    slot = only_visit(capacity=2).slot
    child, gone = DependentFactory(user=patient.user), at_desk()
    entries = [WaitlistEntryFactory(patient=each, doctor=slot.doctor) for each in (child, gone)]
    Appointment.objects.get().cancel()
    assert holders(slot) == [entry.pk for entry in entries]
    patient.merge(gone)
    assert holders(slot) == [entries[0].pk]


def test_a_declined_time_is_not_offered_to_the_one_who_stays(patient: Patient) -> None:
    visit, gone = only_visit(), at_desk()
    entry = waiting(visit, patient=gone)
    visit.cancel()
    entry.decline()
    DeclinedSlot.objects.bulk_create([DeclinedSlot.of(patient.pk, visit.slot)])
    patient.merge(gone)
    assert DeclinedSlot.objects.filter(patient=patient).count() == 1
    assert offered(visit.slot) == 0


# --- Audit, the old key, erasure ------------------------------------------------------------------


def test_both_have_an_event_and_the_access_log_follows(patient: Patient, client_of: Any) -> None:
    gone = at_desk()
    AuditEvent.objects.record("read", gone, [gone], role="staff")
    patient.merge(gone)
    merged = AuditEvent.objects.filter(action="merge")
    assert set(merged.values_list("patient_id", flat=True)) == {patient.pk, gone.pk}
    client = client_of(patient.user)
    for query in ({}, {"patient": patient.pk}):
        rows = client.get(reverse("access-log"), query).json()["results"]
        assert [row["action"] for row in rows] == ["merge", "merge", "read"]
        assert {row["patient"] for row in rows} == {patient.pk}
    [old] = AuditEvent.objects.filter(action="read", kind="patient.patient")
    assert old.patient_id == gone.pk  # not rewritten
    log = Export.for_patient(patient).sections()["access_log"]
    assert log.filter(action="merge").count() == 2


def test_pointers_lead_on_after_a_second_merge(patient: Patient) -> None:
    first, second = at_desk(), at_desk()
    second.merge(first)
    patient.merge(second)
    assert MergedPatient.objects.kept_key(first.pk) == patient.pk
    assert set(MergedPatient.objects.keys_of(first.pk)) == {patient.pk, first.pk, second.pk}


def test_the_pointer_goes_with_the_erasure(patient: Patient) -> None:
    gone = at_desk()
    patient.merge(gone)
    patient.erase()
    assert not MergedPatient.objects.exists()


def test_the_old_key_is_absent_in_the_api(client_of: Any) -> None:
    own = PatientFactory()
    child, twin = DependentFactory(user=own.user), DependentFactory(user=own.user)
    child.merge(twin)
    client = client_of(own.user)
    assert client.get(reverse("dependent-detail", args=[twin.pk])).status_code == 404
    assert client.get(reverse("dependent-detail", args=[child.pk])).status_code == 200
    slot = ScheduleFactory().slots.first()
    body = {"slot_id": slot.pk, "patient_id": twin.pk}
    assert client.post(reverse("appointment-book", args=[slot.doctor_id]), body).status_code == 404


def test_a_stored_answer_is_replayed_to_the_account_that_moved(client_of: Any) -> None:
    owner, desk = PatientFactory(), at_desk()
    slot, client = ScheduleFactory().slots.first(), client_of(owner.user)
    path, header = reverse("appointment-book", args=[slot.doctor_id]), {"Idempotency-Key": "once"}
    first = client.post(path, {"slot_id": slot.pk}, headers=header)
    desk.merge(owner)
    again = client.post(path, {"slot_id": slot.pk}, headers=header)
    assert (again.status_code, again.content) == (201, first.content)
    desk.erase()
    assert not IdempotencyKey.objects.exists()


def test_one_offer_holds_while_time_passes_after_a_merge(patient: Patient) -> None:
    visit, gone = only_visit(), at_desk()
    waiting(visit, patient=gone)
    visit.cancel()
    patient.merge(gone)
    later = timezone.now() + timedelta(minutes=36)
    assert Appointment(patient=at_desk(), slot=visit.slot).book(at=later)
    assert_in_order()


def test_the_command_exports_by_the_old_key_too(patient: Patient) -> None:
    gone, out = at_desk(), StringIO()
    patient.merge(gone)
    call_command("export_patient", gone.pk, stdout=out)
    assert [person["id"] for person in json.loads(out.getvalue())["patients"]] == [patient.pk]
