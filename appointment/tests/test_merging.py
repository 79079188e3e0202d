"""Two records of one person are merged: what moves, what ends, and what the merge refuses."""

import json
from datetime import time, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent
from accounts.tests.factories import UserFactory
from appointment.exceptions import VisitsCollide
from appointment.export import Export
from appointment.models import Appointment, DeclinedSlot, IdempotencyKey, Offer, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import HALF_AN_HOUR, holders, offered, only_visit, waiting
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    day_ahead,
)
from patient.exceptions import (
    AlreadyMerged,
    OneIsDeceased,
    OwnRecord,
    SameRecord,
    TwoAccounts,
)
from patient.models import ClaimCode, EmergencyAccess, MergedPatient, Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory, PatientFactory
from tests.balance import assert_balanced
from tests.races import assert_in_order

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def at_desk(**fields: Any) -> Patient:
    """Create a patient without an account, as the reception records one."""
    patient: Patient = PatientFactory(user=None, **fields)
    return patient


def test_visits_history_accesses_and_answers_go_to_the_kept_record() -> None:
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


NOT_MOVED = {
    "patient.ClaimCode": "a merge voids the codes of both",
    "patient.PatientWord": "made from the names of the kept patient",
}


def rows_of(patient: Patient) -> dict[tuple[type[Model], str], list[Any]]:
    """Map each relation to patients, hidden ones included, to the keys of this patient's rows."""
    relations: list[Any] = [
        each for each in Patient._meta.get_fields(include_hidden=True) if each.one_to_many
    ]
    ways = [(each.related_model, each.field.name) for each in relations]
    return {
        (model, name): list(model._base_manager.filter(**{name: patient}).values_list("pk"))
        for model, name in ways
    }


def test_whatever_refers_to_a_patient_is_moved_by_a_merge_or_exempt() -> None:
    kept, gone = PatientFactory(), at_desk(date_of_birth=day_ahead(-9000))
    visit = AppointmentFactory(patient=gone)
    WaitlistEntryFactory(patient=gone)
    DeclinedSlot.of(gone.pk, visit.slot).save()
    MedicalHistoryFactory(patient=gone)
    EmergencyAccess(patient=gone, reason="Unconscious").begin()
    IdempotencyKey.objects.create(user=UserFactory(), key="k", patient=gone)
    gone.merge(at_desk())
    ClaimCode.objects.issue(gone, by=None)
    before = rows_of(gone)
    assert all(before.values()), "make a row of each model here"
    kept.merge(gone)
    after = rows_of(kept)
    left = {
        model._meta.label
        for model, name in before
        if model._meta.label not in NOT_MOVED
        and not set(before[model, name]) <= set(after[model, name])
    }
    assert left == set()
    assert not any(rows_of(gone).values())


def test_empty_fields_are_filled_and_values_of_the_kept_record_stand() -> None:
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
def test_a_sole_account_goes_to_the_kept_record_with_its_dependents(stays: str) -> None:
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


def test_a_record_is_merged_only_once(patient: Patient) -> None:
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


def test_staff_without_a_site_merge_no_records(staff: Any) -> None:
    SiteStaffFactory()
    kept, gone = at_desk(), at_desk()
    with pytest.raises(Patient.DoesNotExist):
        kept.merge(gone, by=staff)


# --- The waitlist ---------------------------------------------------------------------------------


@pytest.mark.parametrize("older", ["kept", "gone"])
def test_of_two_entries_for_the_same_the_older_stays(older: str) -> None:
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


def test_an_offer_that_overlaps_the_visit_it_would_move_stands(patient: Patient) -> None:
    mine = only_visit(start_time=time(10))
    earlier = only_visit(location=mine.location)
    gone = at_desk()
    Appointment.objects.filter(pk=mine.pk).update(patient=gone)
    entry = waiting(earlier, patient=gone, replaces=mine)
    earlier.cancel()
    patient.merge(gone)
    assert entry.offers.get().status == "open"
    assert entry.offers.get().account == patient.user_id


@pytest.mark.parametrize("replaces", [False, True])
def test_an_entry_is_accepted_though_its_record_is_merged_meanwhile(
    patient: Patient, staff: Any, replaces: bool
) -> None:
    gone, visit = at_desk(), only_visit()
    mine = AppointmentFactory(patient=gone, slot=ScheduleFactory(date=day_ahead(6)).slots.first())
    waiting(visit, patient=gone, replaces=mine if replaces else None)
    visit.cancel()
    as_read = WaitlistEntry.objects.select_related("patient").get()
    patient.merge(gone)
    assert as_read.accept(by=staff).patient == patient
    assert holders(visit.slot) == []


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


def test_an_offer_that_overlaps_only_the_visit_it_replaces_stands(patient: Patient) -> None:
    visit = only_visit()
    later = ScheduleFactory(date=visit.date, start_time=time(10), end_time=time(12))
    own = AppointmentFactory(patient=patient, slot=later.slots.first())
    waiting(visit, patient=patient, replaces=own)
    visit.cancel()
    offer = Offer.objects.open().get()
    patient.merge(at_desk())
    assert Offer.objects.open().get() == offer
    assert_in_order()


def test_an_offer_beyond_the_limit_of_the_location_is_withdrawn(patient: Patient) -> None:
    visit, gone = only_visit(location=LocationFactory(max_live_per_patient=2)), at_desk()
    entry, next_one = waiting(visit, patient=gone), waiting(visit)
    for n, person in enumerate((patient, gone), start=5):
        session = ScheduleFactory(location=visit.location, date=day_ahead(n))
        AppointmentFactory(patient=person, slot=session.slots.first())
    visit.cancel()
    assert holders(visit.slot) == [entry.pk]
    patient.merge(gone)
    assert holders(visit.slot) == [next_one.pk]
    entry.refresh_from_db()
    assert entry.status == "waiting"


def test_a_lapsed_offer_of_a_duplicate_entry_counts_as_declined(patient: Patient) -> None:
    visit, gone = only_visit(), at_desk()
    waiting(visit, patient=patient, first_date=day_ahead(4))
    waiting(visit, patient=gone)
    visit.cancel()
    patient.merge(gone, at=timezone.now() + HALF_AN_HOUR)
    assert Offer.objects.get().status == "expired"
    assert DeclinedSlot.objects.get().patient == patient


def test_an_entry_that_ends_as_a_duplicate_leaves_an_audit_event(patient: Patient) -> None:
    gone, doctor = at_desk(), DoctorFactory()
    for person in (patient, gone):
        WaitlistEntryFactory(patient=person, doctor=doctor)
    patient.merge(gone)
    event = AuditEvent.objects.get(kind="appointment.waitlistentry")
    assert (event.action, event.patient_id, event.role) == ("change", patient.pk, "system")


@pytest.mark.parametrize("replaces", [True, False])
def test_an_offer_is_accepted_by_an_entry_that_was_read_before_the_merge(
    patient: Patient, staff: Any, replaces: bool
) -> None:
    visit, gone = only_visit(), at_desk()
    later = ScheduleFactory(date=day_ahead(6)).slots.first()
    own = AppointmentFactory(patient=gone, slot=later) if replaces else None
    entry = waiting(visit, patient=gone, replaces=own)
    visit.cancel()
    patient.merge(Patient.objects.get(pk=gone.pk))
    assert entry.patient.pk == gone.pk
    assert entry.accept(by=staff).patient == patient
    assert_in_order()


def test_a_check_in_stands_where_the_record_is_merged_in_its_midst(
    patient: Patient, staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = AppointmentFactory(patient=at_desk())

    def merge_meanwhile(visit: Appointment, user: Any) -> bool:
        patient.merge(Patient.objects.get(pk=visit.patient_id))
        return True

    monkeypatch.setattr(Appointment, "is_at_site_of", merge_meanwhile)
    visit.check_in(by=staff, at=visit.starts_at)
    visit.refresh_from_db()
    assert (visit.patient, visit.checked_in_at) == (patient, visit.starts_at)


def test_a_declined_time_is_not_offered_to_the_kept_record(patient: Patient) -> None:
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
        assert [(row["action"], row["events"]) for row in rows] == [("merge", 2), ("read", 1)]
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
