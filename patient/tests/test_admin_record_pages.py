"""The pages beside the page of a patient: merge, code for the app, deceased."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission

from accounts.models import AuditEvent
from accounts.tests.factories import StaffFactory
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.tests.factories import DoctorFactory, ScheduleFactory, day_ahead
from patient.models import ClaimCode, MedicalHistory, MergedPatient, Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.admin_client import AdminClient, messages_of, page

pytestmark = pytest.mark.django_db
BORN = day_ahead(-9000)


def at_desk(**fields: Any) -> Patient:
    patient: Patient = PatientFactory(user=None, **fields)
    return patient


@pytest.fixture
def admin(staff: Any) -> AdminClient:
    return AdminClient(staff)


def test_the_page_of_a_patient_leads_to_the_pages_that_the_user_may_open(admin: Any) -> None:
    patient = at_desk()
    text = admin.get(page(patient, "change")).content.decode()
    for name in ("merge", "claim_code", "deceased"):
        assert page(patient, name) in text
    reader = StaffFactory()
    reader.user_permissions.add(Permission.objects.get(codename="view_patient"))
    narrow = AdminClient(reader)
    text = narrow.get(page(patient, "change")).content.decode()
    for name in ("merge", "claim_code", "deceased"):
        assert page(patient, name) not in text
        assert narrow.status(page(patient, name)) == 403
        assert narrow.client.post(page(patient, name), {"_mark": 1}).status_code == 403
    assert not Patient.objects.get().is_deceased


# --- Merge ----------------------------------------------------------------------------------------


def test_staff_choose_preview_and_merge(admin: Any) -> None:
    kept, gone = at_desk(last_name="Reed"), at_desk(last_name="Reed", phone_number="+34612345678")
    visit = AppointmentFactory(patient=gone)
    path = page(kept, "merge")
    assert admin.status(path) == 200
    shown = admin.get(path, other=gone.pk)
    text = shown.content.decode()
    assert "(is taken over)" in text
    assert "Visits: 1" in text
    assert f"{page(gone, 'merge')}?other={kept.pk}" in text  # the other way round
    assert AuditEvent.objects.filter(action="read", patient_id=gone.pk).exists()
    assert Patient.objects.count() == 2
    done = admin.send(path, {"other": gone.pk, "_merge": "Merge them"})
    assert messages_of(done) == [f"Record {gone.pk} was merged into this one."]
    assert done.redirect_chain[-1][0] == page(kept, "change")
    visit.refresh_from_db()
    assert visit.patient == kept
    assert "Reed" not in str(list(LogEntry.objects.values()))


def test_a_merge_that_is_refused_says_why_before_and_after(admin: Any) -> None:
    slot = ScheduleFactory(capacity=2).slots.first()
    visit, other = AppointmentFactory(slot=slot), AppointmentFactory(slot=slot, patient=at_desk())
    path = page(visit.patient, "merge")
    text = admin.get(path, other=other.patient.pk).content.decode()
    assert "Both have a visit at this time" in text
    assert "_merge" not in text
    refused = admin.send(path, {"other": other.patient.pk, "_merge": 1})
    assert "at the same time" in messages_of(refused)[0]
    two = admin.get(path, other=PatientFactory().pk).content.decode()
    assert "two different accounts" in two
    same = admin.get(path, other=visit.patient.pk).content.decode()
    assert "the same record" in same
    assert Patient.objects.count() == 3


def test_records_that_may_be_the_same_are_suggested_to_those_who_see_them(
    superuser: Any, member: Any, here: Any
) -> None:
    slot = ScheduleFactory(location=here).slots.first()
    kept = AppointmentFactory(slot=slot, patient=at_desk(date_of_birth=BORN)).patient
    same = at_desk(last_name=kept.last_name.upper(), date_of_birth=BORN)
    link = f"?other={same.pk}"
    assert link in AdminClient(superuser).get(page(kept, "merge")).content.decode()
    assert AuditEvent.objects.filter(action="read", patient_id=same.pk).exists()
    assert link not in AdminClient(member).get(page(kept, "merge")).content.decode()


def test_the_preview_warns_where_names_or_birth_dates_differ(admin: Any) -> None:
    kept = at_desk(first_name="L\u00facia", last_name="Reed", date_of_birth=BORN)
    same = at_desk(first_name="lucia", last_name="REED")
    other = at_desk(last_name="Reid", date_of_birth=day_ahead(-8000))
    path = page(kept, "merge")
    assert "These differ" not in admin.get(path, other=same.pk).content.decode()
    text = admin.get(path, other=other.pk).content.decode()
    assert "These differ: first name, last name, date of birth" in text


def test_the_preview_counts_duplicate_entries(admin: Any) -> None:
    kept, gone, doctor = at_desk(), at_desk(), DoctorFactory()
    for person in (kept, gone):
        WaitlistEntryFactory(patient=person, doctor=doctor)
    text = admin.get(page(kept, "merge"), other=gone.pk).content.decode()
    assert "Waitlist entries that end, as both records wait for the same: 1" in text


@pytest.mark.parametrize("junk", ["", "abc", "0", "9" * 30, "\0", "-1"])
def test_a_made_up_other_record_is_no_error(admin: Any, junk: str) -> None:
    path = page(at_desk(), "merge")
    assert admin.status(path, other=junk) == 200
    assert admin.client.post(path, {"other": junk, "_merge": 1}).status_code == 200


def test_the_other_record_is_found_by_suggestions(admin: Any) -> None:
    at_desk(last_name="Navarro")
    found = admin.suggestions(MedicalHistory, "patient", "Navarro")
    assert [row["text"] for row in found] == ["Ana Navarro"]


def test_the_page_of_a_record_merged_away_leads_to_the_kept_record(admin: Any) -> None:
    kept, gone = at_desk(), at_desk()
    paths = [page(gone, view) for view in ("change", "history", "merge", "deceased")]
    kept.merge(gone)
    for path in paths:
        assert admin.get(path).headers["Location"] == page(kept, "change")
    kept.erase()
    assert admin.get(paths[0]).headers["Location"] == "/admin/"


def test_staff_of_a_site_reach_no_record_of_elsewhere(member: Any, here: Any) -> None:
    admin, slots = AdminClient(member), ScheduleFactory(location=here).slots.all()
    mine, stranger = AppointmentFactory(slot=slots[0]).patient, at_desk(last_name="Elsewhere")
    for name in ("merge", "claim_code", "deceased"):
        assert admin.get(page(stranger, name)).headers["Location"] == "/admin/"
    shown = admin.get(page(mine, "merge"), other=stranger.pk).content.decode()
    assert "Elsewhere" not in shown
    assert "Select a valid choice" in shown
    posted = admin.client.post(page(mine, "merge"), {"other": stranger.pk, "_merge": 1})
    assert posted.status_code == 200
    assert Patient.objects.filter(pk=stranger.pk).exists()
    old = stranger.pk
    Patient.objects.get(pk=at_desk().pk).merge(stranger)  # into a person whom they do not see
    assert admin.get(f"/admin/patient/patient/{old}/change/").headers["Location"] == "/admin/"


def test_staff_of_a_site_see_no_time_of_visits_elsewhere(member: Any, here: Any) -> None:
    slots, elsewhere = ScheduleFactory(location=here).slots.all(), day_ahead(4)
    pair = [AppointmentFactory(slot=slot, patient=at_desk()).patient for slot in slots[:2]]
    visits = [
        AppointmentFactory(slot=ScheduleFactory(date=elsewhere).slots.first(), patient=each)
        for each in pair
    ]
    text = AdminClient(member).get(page(pair[0], "merge"), other=pair[1].pk).content.decode()
    assert str(visits[0]) not in text
    assert "at the same time at another site" in text
    assert "_merge" not in text


def test_audit_events_of_a_patient_include_those_of_merged_records(superuser: Any) -> None:
    kept, gone = at_desk(), at_desk()
    superuser.revise(last_name="Ruiz")  # the search by a number finds no name
    AuditEvent.objects.record("export", gone, [gone], role="staff")
    kept.merge(gone)
    admin = AdminClient(superuser)
    for query in ({"patient_id__exact": kept.pk}, {"patient_id__exact": gone.pk}, {"q": kept.pk}):
        found = admin.get(page(AuditEvent), **query).context["cl"].result_list
        assert {event.action for event in found} >= {"export", "merge"}
        assert {event.patient_id for event in found} == {kept.pk, gone.pk}


# --- Code -----------------------------------------------------------------------------------------


def test_a_code_is_shown_once(admin: Any) -> None:
    patient = at_desk(date_of_birth=BORN)
    path = page(patient, "claim_code")
    given = admin.client.post(path)
    code = given.context["code"]
    assert code in given.content.decode()
    assert "no-store" in given.headers["Cache-Control"]
    again = admin.get(path).content.decode()
    assert code not in again
    assert "is void once you give another one" in again
    digest = ClaimCode.objects.get().digest
    assert code.replace("-", "") not in digest
    stored = str(list(LogEntry.objects.values())) + str(list(AuditEvent.objects.values()))
    assert code not in stored


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "Enter the date of birth first"),
        ({"date_of_birth": BORN, "account": True}, "belongs to an account"),
        ({"date_of_birth": BORN, "deceased": True}, "marked deceased"),
    ],
)
def test_a_code_that_cannot_be_given_says_why(admin: Any, fields: Any, reason: str) -> None:
    person = DependentFactory if fields.pop("account", False) else at_desk
    deceased = fields.pop("deceased", False)
    patient = person(**fields)
    if deceased:
        patient.mark_deceased()
    assert reason in messages_of(admin.client.post(page(patient, "claim_code")))[0]
    assert not ClaimCode.objects.exists()


# --- Deceased -------------------------------------------------------------------------------------


def test_staff_mark_a_person_deceased_and_take_the_mark_back(admin: Any, staff: Any) -> None:
    visit = AppointmentFactory()
    WaitlistEntryFactory(patient=visit.patient)
    path = page(visit.patient, "deceased")
    text = admin.get(path).content.decode()
    assert "1 coming visit is canceled" in text
    assert "1 waitlist entry ends" in text
    assert admin.client.post(path).status_code == 200  # no button was pressed
    assert not Patient.objects.get().is_deceased
    admin.send(path, {"_mark": 1})
    visit.refresh_from_db()
    assert (visit.status, visit.events.get(kind="canceled").actor) == ("canceled", staff)
    change = admin.get(page(visit.patient, "change")).content.decode()
    assert ", deceased" in change
    listed = admin.get(page(Patient), marked_deceased_at__isempty=0).context["cl"].result_list
    assert [row.pk for row in listed] == [visit.patient.pk]
    admin.send(path, {"_unmark": 1})
    assert not Patient.objects.get().is_deceased
    assert Appointment.objects.get().status == "canceled"
    assert not MergedPatient.objects.exists()
