"""The export holds all data of one patient and no other, and is recorded in the access log."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import ForeignKey, Model
from django.utils import timezone

from accounts.models import AuditEvent, KnownDevice, NotificationChoice, OutgoingMessage, User
from accounts.tests.factories import UserFactory
from appointment import export
from appointment.models import Appointment, CalendarFeed, DeclinedSlot, IdempotencyKey, Offer
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.tests.factories import LocationFactory, ScheduleFactory, day_ahead
from extensions.db.batches import row_batches
from patient.models import EmergencyAccess, Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory, PatientFactory
from tests.document import document
from tests.problems import assert_problem
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db

EXPORT = "/api/patient/export/"
# Models that refer to an account or a patient but hold no data of a patient, and the reason.
EXEMPT = {
    "appointment.StagedImport": "a file of staff that waits an hour at most to be confirmed",
    "appointment.Webhook": "where other systems are told; no person but the member of staff",
    "appointment.WebhookDelivery": "keys of what other systems were told, for 30 days",
    "admin.LogEntry": "what staff did at the admin: theirs, and it names no patient's data",
    "patient.PatientWord": "words of names, which are in it",
    "doctor.Doctor": "the clinic's public directory",
    "doctor.Schedule": "the clinic's calendar",
    "appointment.DayTotals": "numbers of a doctor's day, and no person's",
    "doctor.SiteStaff": "where staff work",
    "doctor.Slot": "the clinic's calendar",
    "doctor.TimeOff": "the clinic's calendar",
    "doctor.WeeklyHours": "the clinic's calendar",
    "otp_static.StaticDevice": "secrets of staff",
    "otp_static.StaticToken": "secrets of staff",
    "otp_totp.TOTPDevice": "secrets of staff",
    "appointment.WorkListItem": "visits, which are in it",
    "auth.Permission": "no person",
    "axes.AccessFailureLog": "off: AXES_ENABLE_ACCESS_FAILURE_LOG",
    "axes.AccessLog": "off: AXES_DISABLE_ACCESS_LOG",
    "doctor.Location": "an address of the clinic",
}
# Models whose rows an export holds.
HELD = {
    "accounts.User",
    "accounts.AuditEvent",
    "accounts.Device",
    "accounts.KnownDevice",
    "accounts.NotificationChoice",
    "accounts.OutgoingMessage",
    "appointment.CalendarFeed",
    "axes.AccessAttempt",
    "knox.AuthToken",
    "patient.Patient",
    "patient.MedicalHistory",
    "patient.EmergencyAccess",
    "patient.MergedPatient",
    "patient.ClaimCode",
    "appointment.Appointment",
    "appointment.AppointmentEvent",
    "appointment.WaitlistEntry",
    "appointment.Offer",
    "appointment.DeclinedSlot",
    "appointment.IdempotencyKey",
}


@pytest.fixture
def family(patient: Patient) -> Patient:
    """Return a patient and a dependent who have rows of every exported kind."""
    user, at = patient.user, timezone.now()
    for person in (patient, DependentFactory(user=user)):
        MedicalHistoryFactory(patient=person)
        visit = AppointmentFactory(patient=person, reason="Knee")
        visit.cancel(by=user, reason="A cold")
        declined = {"status": "declined", "expires_at": at, "hold_until": at}
        entry = WaitlistEntryFactory(patient=person)
        Offer.objects.create(entry=entry, slot=visit.slot, **declined)
        DeclinedSlot.of(person.pk, visit.slot).save()
        EmergencyAccess(patient=person, user=UserFactory(), reason="Unconscious").begin()
        person.merge(PatientFactory(user=None))
        person.claim_codes.create(digest=str(person.pk), expires_at=at)
        answer = {"key": str(person.pk), "fingerprint": "x", "status": 201, "body": "{}"}
        IdempotencyKey.objects.create(user=user, patient=person, **answer)
    OutgoingMessage.objects.enqueue("verification", user.email)
    CalendarFeed.objects.make(user, "patient")
    NotificationChoice.objects.choose(user, {"reminder": {"sms": True}})
    KnownDevice.objects.remember(user, "Firefox")
    refused = {"ip_address": "192.0.2.1", "user_agent": "curl/8", "failures_since_start": 1}
    AccessAttempt.objects.create(username=user.email, **refused)
    return patient


def exported(client: Any) -> dict[str, Any]:
    answer = client.get(EXPORT)
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.getvalue())
    return found


def names_a_person(model: type[Model]) -> bool:
    """Return whether the model has a field with an address or a login name."""
    return any(field.name in ("address", "username") for field in model._meta.get_fields())


def reaches_a_person(model: type[Model], seen: frozenset[Any] = frozenset()) -> bool:
    """Return whether foreign keys lead from the model to an account or a patient."""
    if model in (User, Patient):
        return True
    ways = [
        field.related_model for field in model._meta.get_fields() if isinstance(field, ForeignKey)
    ]
    return any(reaches_a_person(way, seen | {model}) for way in ways if way not in seen | {model})


def test_every_model_that_refers_to_a_person_is_exported_or_exempt() -> None:
    reaching = {
        model._meta.label
        for model in apps.get_models()
        if reaches_a_person(model) or names_a_person(model)
    }
    assert reaching - HELD <= set(EXEMPT)
    assert reaching >= HELD


def test_the_export_holds_the_account_and_its_dependents(family: Patient, client_of: Any) -> None:
    for stranger in (PatientFactory(), DependentFactory()):
        MedicalHistoryFactory(patient=stranger, description="Someone else's")
        AppointmentFactory(patient=stranger)
    found = exported(client_of(family.user))
    keys = {family.pk, *family.user.patients.values_list("pk", flat=True)}
    assert (found["format"], found["version"]) == ("clinic-export", 1)
    assert found["account"]["email"] == family.user.email
    assert {person["id"] for person in found["patients"]} == keys
    of_patients = {"medical_history", "appointments", "waitlist", "declined_slots"}
    for section in of_patients | {"emergency_accesses", "merged_records", "claim_codes"}:
        assert {row["patient"] for row in found[section]} == keys, section
    [visit, _] = found["appointments"]
    assert [event["kind"] for event in visit["events"]] == ["booked", "canceled"]
    assert (visit["reason"], visit["events"][1]["detail"]) == ("Knee", "A cold")
    assert len(found["devices"]) == len(found["known_devices"]) == 1
    assert {row["action"] for row in found["access_log"]} >= {"create", "change", "export"}
    assert "Someone else" not in json.dumps(found)


def test_an_exported_visit_has_the_offset_of_its_location(patient: Patient, client_of: Any) -> None:
    site = LocationFactory(time_zone="Asia/Kathmandu")
    slot = ScheduleFactory(location=site).slots.first()
    visit = AppointmentFactory(patient=patient, slot=slot)
    visit.cancel(by=patient.user)
    entry, at = WaitlistEntryFactory(patient=patient), timezone.now()
    Offer.objects.create(entry=entry, slot=slot, expires_at=at, hold_until=at)
    found = exported(client_of(patient.user))
    [shown], [offer] = found["appointments"], found["waitlist"][0]["offers"]
    assert shown["starts_at"] == slot.starts_at.astimezone(site.zone).isoformat()
    shown_at = [event["at"] for event in shown["events"]]
    shown_at += [shown[name] for name in ("ends_at", "created_at", "canceled_at")]
    shown_at += [offer[name] for name in ("starts_at", "created_at", "expires_at")]
    assert {instant[19:] for instant in shown_at} == {"+05:45"}
    assert not re.search(r"T\d\d:\d\d:\d\d\.", json.dumps(found))


def test_the_export_holds_mail_and_refused_logins_of_the_account(
    patient: Patient, client_of: Any, client: Any, settings: Any
) -> None:
    settings.AXES_ENABLED = True  # the suite sets THROTTLE=off, which disables axes
    for email in (patient.user.email, UserFactory().email):
        OutgoingMessage.objects.enqueue("verification", email)
        client.post("/api/auth/login/", {"email": email, "password": "wrong"})
    OutgoingMessage.objects.enqueue("address_changed", "old@example.com", patient.user)
    found = exported(client_of(patient.user))
    mails, [tried] = found["mails"], found["refused_logins"]
    assert [mail["kind"] for mail in mails] == ["verification", "address_changed"]
    assert [mail["sent_at"] for mail in mails] == [None, None]
    assert (tried["ip_address"], tried["failures_since_start"]) == ("127.0.0.1", 1)


def test_the_export_matches_the_openapi_document(family: Patient, client_of: Any) -> None:
    components = document()["components"]
    schema = {"$ref": "#/components/schemas/Export", "components": components}
    found = exported(client_of(family.user))
    lists = [rows for rows in found.values() if isinstance(rows, list)]
    assert all([*lists, *(entry["offers"] for entry in found["waitlist"])])
    jsonschema_rs.validate(schema, found)
    assert set(components["schemas"]["Export"]["required"]) == set(found)


def test_the_export_is_an_attachment_that_no_cache_stores(family: Patient, client_of: Any) -> None:
    answer = client_of(family.user).get(EXPORT)
    assert answer["Content-Disposition"] == 'attachment; filename="clinic-export.json"'
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Type"] == "application/json"
    assert_problem(client_of(None).get(EXPORT), 401, "not_authenticated")


def test_the_export_holds_no_secret(family: Patient, client_of: Any) -> None:
    client = client_of(family.user)
    text = client.get(EXPORT).getvalue().decode()
    assert family.user.password not in text
    assert not {"password", "digest", "token"} & set(json.loads(text)["account"])
    [device] = json.loads(text)["devices"]
    assert set(device) == {"name", "created", "last_used_at", "expiry", "gets_push"}


def test_an_export_is_recorded_for_each_patient(family: Patient, client_of: Any) -> None:
    exported(client_of(family.user))
    events = AuditEvent.objects.filter(action="export")
    assert {event.patient_id for event in events} == set(
        family.user.patients.values_list("pk", flat=True)
    )
    assert {(event.role, event.channel) for event in events} == {("patient", "api")}


def test_a_large_export_goes_through_a_file_and_reads_rows_in_batches(
    family: Patient, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = exported(client_of(family.user))["medical_history"]
    monkeypatch.setattr(export, "row_batches", partial(row_batches, size=1))
    monkeypatch.setattr(export, "MEMORY_LIMIT", 64)
    monkeypatch.setattr("appointment.views.export.MEMORY_LIMIT", 64)
    answer = client_of(family.user).get(EXPORT)
    assert answer.streaming
    assert json.loads(answer.getvalue())["medical_history"] == small


def test_the_statements_do_not_grow_with_the_visits(family: Patient, client_of: Any) -> None:
    client, costs = client_of(family.user), []
    for days in ((5,), (6, 7, 8)):
        for day in days:
            slot = ScheduleFactory(date=day_ahead(day)).slots.first()
            AppointmentFactory(patient=family, slot=slot)
        with counted_statements() as statements:
            exported(client)
        costs.append(len(statements))
    assert costs[0] == costs[1]


def test_the_command_writes_a_file_that_only_its_owner_reads(
    family: Patient, tmp_path: Path
) -> None:
    path = tmp_path / "export.json"
    call_command("export_patient", str(family.pk), output=str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["account"]["email"] == family.user.email
    with pytest.raises(CommandError, match="exists"):
        call_command("export_patient", str(family.pk), output=str(path))
    event = AuditEvent.objects.filter(action="export").first()
    assert (event.role, event.channel) == ("system", "command")


def test_the_command_exports_a_patient_without_the_account_of_another(
    family: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    child = family.user.patients.get(is_dependent=True)
    for patient in (child, PatientFactory(user=None)):
        call_command("export_patient", str(patient.pk))
        found = json.loads(capsys.readouterr().out)
        assert (found["account"], found["devices"], found["kept_answers"]) == (None, [], [])
        assert [person["id"] for person in found["patients"]] == [patient.pk]
    with pytest.raises(CommandError, match="no patient"):
        call_command("export_patient", "999999")


def test_after_an_erasure_nothing_of_the_person_is_left_to_export(
    family: Patient, client_of: Any
) -> None:
    for patient in family.user.patients.all():
        patient.erase(by=family.user)
    found = exported(client_of(family.user))
    assert found["account"]
    assert [found[name] for name in ("patients", "medical_history", "appointments")] == [[], [], []]
    assert [found[name] for name in ("waitlist", "kept_answers")] == [[], []]
    assert found["emergency_accesses"] == []
    assert Appointment.objects.filter(reason="Knee").count() == 0
