"""Staff give a reason to read one patient's history for an hour; the patient sees that they did."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import AuditEvent, User
from patient.models import EmergencyAccess, Patient
from patient.tests.factories import MedicalHistoryFactory
from tests.admin_client import AdminClient, page

pytestmark = pytest.mark.django_db

WHY = "Unconscious at the door"


@pytest.fixture
def known(patient: Patient) -> Patient:
    """Return a patient whose medical history names penicillin."""
    MedicalHistoryFactory(patient=patient, description="Penicillin")
    return patient


@pytest.fixture
def admin_client(staff: User) -> AdminClient:
    return AdminClient(staff)


def break_in(admin_client: AdminClient, patient: Patient, reason: str = WHY) -> Any:
    """Begin emergency access in the admin; return the response."""
    return admin_client.send(page(EmergencyAccess, "add"), patient=patient.pk, reason=reason)


def shows_it(admin_client: AdminClient, access: EmergencyAccess) -> bool:
    """Return whether the page of the access shows the patient's history."""
    return "Penicillin" in admin_client.get(page(access, "change")).content.decode()


def test_the_reception_reads_a_history_only_with_a_reason(
    admin_client: AdminClient, known: Patient
) -> None:
    closed = admin_client.get(page(known, "change")).content.decode()
    assert "Penicillin" not in closed
    assert f"{page(EmergencyAccess, 'add')}?patient={known.pk}" in closed
    assert break_in(admin_client, known, reason=" ").context["adminform"].form.errors == {
        "reason": ["This field is required."]
    }
    assert "Penicillin" in break_in(admin_client, known).content.decode()
    access = EmergencyAccess.objects.get()
    assert (access.patient, access.reason) == (known, WHY)
    assert "Penicillin" not in admin_client.get(page(known, "change")).content.decode()


def test_emergency_access_ends_after_an_hour_or_earlier_on_request(
    admin_client: AdminClient, known: Patient, other_patient: Patient
) -> None:
    break_in(admin_client, known)
    break_in(admin_client, known)
    ended, lapsing = EmergencyAccess.objects.order_by("pk")
    assert shows_it(admin_client, ended)
    admin_client.change(ended, end_now="on")
    assert not shows_it(admin_client, ended)
    assert shows_it(admin_client, lapsing)
    with time_machine.travel(timezone.now() + timedelta(minutes=59), tick=False):
        assert shows_it(admin_client, lapsing)
    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=False):
        assert not shows_it(admin_client, lapsing)
        assert admin_client.get(page(lapsing, "change")).status_code == 200
    assert EmergencyAccess.objects.get(pk=lapsing.pk).ended_at is None


def test_emergency_access_is_open_only_to_the_user_who_gave_the_reason(
    admin_client: AdminClient, known: Patient, superuser: User
) -> None:
    break_in(admin_client, known)
    access, reviewer = EmergencyAccess.objects.get(), AdminClient(superuser)
    shown = reviewer.get(page(access, "change")).content.decode()
    assert WHY in shown
    assert "Penicillin" not in shown


def test_a_colleague_sees_only_their_own_emergency_accesses(
    admin_client: AdminClient, known: Patient, staff: User
) -> None:
    break_in(admin_client, known)
    access = EmergencyAccess.objects.get()
    EmergencyAccess.objects.update(user=known.user)
    assert WHY not in admin_client.get(page(EmergencyAccess)).content.decode()
    assert admin_client.status(page(access, "change")) == 302  # the answer for an absent row


def test_emergency_access_needs_its_permission(staff: User, known: Patient) -> None:
    staff.groups.get().permissions.remove(
        *staff.groups.get().permissions.filter(codename="use_emergency_access")
    )
    admin_client = AdminClient(staff)
    assert admin_client.status(page(EmergencyAccess, "add")) == 403
    assert admin_client.status(page(EmergencyAccess)) == 403
    assert "emergencyaccess" not in admin_client.get(page(known, "change")).content.decode()


def test_emergency_reads_are_marked_for_staff_and_the_patient(
    admin_client: AdminClient, known: Patient, superuser: User, staff: User, client_of: Any
) -> None:
    break_in(admin_client, known)
    access = EmergencyAccess.objects.get()
    events = AuditEvent.objects.filter(emergency=True).order_by("pk")
    assert [(event.action, event.kind, event.emergency_id) for event in events] == [
        ("create", "patient.emergencyaccess", access.pk),
        ("read", "patient.medicalhistory", access.pk),
    ]
    assert {event.actor for event in events} == {staff}
    listed = AdminClient(superuser).get(page(AuditEvent), emergency__exact=1).content.decode()
    assert f"EMERGENCY {access.pk}" in listed
    assert WHY not in listed
    log = client_of(known.user).get("/api/patient/access-log/").json()["results"]
    [line] = [row for row in log if row["emergency"]]
    assert (line["action"], line["by"]["role"]) == ("read", "staff")
    assert "the medical history" in line["text"]
    assert line["text"].endswith("This includes an emergency access.")


def test_an_erasure_blanks_the_reason_and_removes_the_person(
    admin_client: AdminClient, known: Patient
) -> None:
    break_in(admin_client, known)
    known.erase()
    access = EmergencyAccess.objects.get()
    assert (access.patient, access.reason) == (None, "")
    assert not shows_it(admin_client, access)


def test_the_form_describes_the_patient_field_and_the_pages_show_utc(
    admin_client: AdminClient, known: Patient
) -> None:
    form = admin_client.get(page(EmergencyAccess, "add")).content.decode()
    assert "The patient whose history you need to read." in form
    assert "Empty once the person has been erased" not in form
    break_in(admin_client, known)
    for path in (page(EmergencyAccess), page(EmergencyAccess.objects.get(), "change")):
        assert re.search(r"20\d\d, \d\d:\d\d UTC", admin_client.get(path).content.decode()), path
