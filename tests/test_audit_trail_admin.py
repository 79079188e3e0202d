"""Every admin page that shows a patient leaves an audit event, and so does each refusal."""

from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from knox.models import AuthToken

from accounts.models import AuditEvent, OutgoingMessage, User
from accounts.tests.factories import StaffFactory
from appointment.models import (
    Appointment,
    AppointmentEvent,
    CalendarFeed,
    Offer,
    WaitlistEntry,
    Webhook,
    WebhookDelivery,
    WorkListItem,
)
from doctor.models import (
    Doctor,
    Language,
    Location,
    Schedule,
    SiteStaff,
    Slot,
    Specialty,
    TimeOff,
    WeeklyHours,
)
from patient.models import EmergencyAccess, MedicalHistory, Patient
from tests.admin_client import AdminClient, page
from tests.audit_events import events
from tests.sample_data import SampleData

pytestmark = pytest.mark.django_db

# These models hold nothing of a patient's record. Look twice before you add to the list.
EXEMPT_MODELS = {
    User,
    Group,
    AuthToken,
    OutgoingMessage,  # names the number of the visit and no patient
    CalendarFeed,
    AccessAttempt,
    AccessLog,
    AccessFailureLog,
    Doctor,
    Language,
    Location,
    Schedule,
    SiteStaff,
    Slot,
    Specialty,
    StaticDevice,
    TOTPDevice,
    TimeOff,
    Webhook,
    WebhookDelivery,
    WeeklyHours,
}
MODELS = sorted(set(admin.site._registry) - EXEMPT_MODELS, key=lambda model: model._meta.label)


def row_of(sample_data: SampleData, model: type[Model]) -> Any:
    """Return a row of the sample data that belongs to a patient."""
    if model is AuditEvent:
        AuditEvent.objects.record("read", User)  # such an event has no patient
        return AuditEvent.objects.latest("pk")
    if model is EmergencyAccess:
        access = EmergencyAccess(
            patient=sample_data.entry.patient, user=sample_data.accounts["staff"]
        )
        access.begin()
        return access
    return {
        Patient: sample_data.entry.patient,
        MedicalHistory: sample_data.entry,
        Appointment: sample_data.appointment,
        AppointmentEvent: AppointmentEvent.objects.filter(
            appointment=sample_data.appointment
        ).first(),
        WaitlistEntry: sample_data.waiting,
        Offer: Offer.objects.filter(entry=sample_data.waiting).first(),
        WorkListItem: WorkListItem.objects.get(pk=sample_data.flagged.pk),
    }[model]


WHOSE: dict[type[Model], Any] = {
    AuditEvent: lambda event: event.patient_id,
    Patient: lambda patient: patient.pk,
    AppointmentEvent: lambda event: event.appointment.patient_id,
    Offer: lambda offer: offer.entry.patient_id,
}


def _patient(row: Any) -> int:
    return int(row.patient_id)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("view", ["changelist", "change", "history", "delete"])
def test_every_page_of_the_admin_that_shows_a_patient_leaves_an_event(
    model: type[Model], view: str, sample_data: SampleData
) -> None:
    admin_client, row = AdminClient(sample_data.accounts["superuser"]), row_of(sample_data, model)
    asked = model if view == "changelist" else row
    with events() as left:
        answer = admin_client.get(page(asked, view))
    if answer.status_code == 403:  # these cannot be deleted
        assert {event.outcome for event in left} == {"denied"}
        return
    assert answer.status_code == 200
    read = {(event.action, event.outcome, event.role, event.channel) for event in left}
    assert read == {("read", "allowed", "staff", "admin")}
    assert WHOSE.get(model, _patient)(row) in {event.patient_id for event in left}
    assert {event.actor_id for event in left} == {sample_data.accounts["superuser"].pk}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_refused_page_of_the_admin_records_an_event(
    model: type[Model], sample_data: SampleData
) -> None:
    row = row_of(sample_data, model)
    with events() as by_staff:
        account = StaffFactory()
        admin_client = AdminClient(account)
        for path in (page(model), page(row, "change"), page(row, "history")):
            assert admin_client.status(path) in {
                302,
                403,
            }  # 302: the history of a row that `get_queryset` hides from them
    with events() as by_stranger:
        assert Client().get(page(row, "change")).status_code == 302
    assert [event.outcome for event in by_staff + by_stranger] == ["denied"] * 4
    assert [event.object_id for event in by_staff] == [None, row.pk, row.pk]
    assert {event.actor_id for event in by_staff} == {account.pk}
    assert by_stranger[0].actor_id is None


def test_the_page_of_a_patient_tells_who_was_shown_the_history_on_it(
    sample_data: SampleData,
) -> None:
    patient = sample_data.entry.patient

    def kinds(user: User) -> set[str]:
        with events() as left:
            AdminClient(user).get(page(patient, "change"))
        return {event.kind for event in left if event.patient_id == patient.pk}

    assert kinds(sample_data.accounts["staff"]) == {"patient.patient"}
    assert kinds(sample_data.accounts["superuser"]) == {"patient.patient", "patient.medicalhistory"}


@pytest.mark.parametrize("kind", [Appointment, WaitlistEntry, EmergencyAccess])
def test_a_form_to_add_that_names_a_patient_leaves_an_event(
    sample_data: SampleData, kind: Any
) -> None:
    admin_client, known = AdminClient(sample_data.accounts["superuser"]), sample_data.entry.patient
    before = AuditEvent.objects.filter(patient_id=known.pk, action="read").count()
    page_of = admin_client.get(page(kind, "add"), patient=known.pk)
    assert known.name in page_of.content.decode()
    assert AuditEvent.objects.filter(patient_id=known.pk, action="read").count() == before + 1


def test_autocomplete_records_an_event_for_each_patient_shown(
    sample_data: SampleData,
) -> None:
    with events() as left:
        found = AdminClient(sample_data.accounts["staff"]).suggestions(Appointment, "patient")
    assert {event.patient_id for event in left} == {int(row["id"]) for row in found}
    assert {event.action for event in left} == {"read"}


def test_a_change_in_the_admin_records_one_event_and_a_refused_one_records_none(
    sample_data: SampleData,
) -> None:
    admin_client, patient = AdminClient(sample_data.accounts["staff"]), sample_data.entry.patient
    with events() as changed:
        admin_client.change(patient, last_name="Sol")
    with events() as refused:
        admin_client.change(patient, last_name="")
    assert [event.action for event in changed if event.action != "read"] == ["change"]
    assert {event.action for event in refused} == {"read"}
