"""The access log shows a patient who has read and changed their record."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from accounts.audit.context import RequestContext
from accounts.models import AuditEvent, User
from accounts.tests.factories import UserFactory
from appointment.tests.factories import AppointmentFactory
from doctor.tests.factories import LocationFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory
from tests.admin_client import AdminClient, page
from tests.problems import assert_problem
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db

LOG = "/api/patient/access-log/"


def reported(client: Any, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(LOG, query)
    assert answer.status_code == 200
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def test_a_patient_sees_who_read_and_changed_their_record_latest_first(
    patient: Patient, superuser: User, client_of: Any
) -> None:
    superuser.revise(first_name="Rosa", last_name="Gil")
    entry, client = MedicalHistoryFactory(patient=patient), client_of(patient.user)
    AdminClient(superuser).get(page(entry, "change"))
    client.patch(f"/api/patient/medical-history/{entry.pk}/", {"notes": "Mild"})
    changed, read = reported(client)
    assert (changed["action"], changed["by"]) == ("change", {"role": "patient", "name": None})
    assert (read["action"], read["by"]) == ("read", {"role": "staff", "name": "Rosa Gil"})
    assert (read["kind"], read["object_id"], read["channel"]) == (
        "patient.medicalhistory",
        entry.pk,
        "admin",
    )
    assert (read["patient"], read["emergency"]) == (patient.pk, False)


def test_the_log_shows_no_address_and_no_account(
    patient: Patient, superuser: User, client_of: Any
) -> None:
    superuser.revise(first_name="", last_name="")
    AdminClient(superuser).get(page(patient, "change"))
    [read] = reported(client_of(patient.user))  # of two events: the page, and its history
    assert read["by"] == {"role": "staff", "name": None}
    assert set(read) == {
        "id", "at", "by", "channel", "action", "kind", "object_id", "patient", "emergency",
        "date", "events", "text",
    }  # fmt: skip


def test_the_log_has_the_users_family_and_is_filtered_by_patient(
    patient: Patient, other_patient: Patient, superuser: User, client_of: Any
) -> None:
    child = DependentFactory(user=patient.user)
    for person in (patient, child, other_patient):
        AdminClient(superuser).get(page(person, "change"))
    client = client_of(patient.user)
    assert {row["patient"] for row in reported(client)} == {patient.pk, child.pk}
    assert {row["patient"] for row in reported(client, patient=child.pk)} == {child.pk}
    assert reported(client, patient=other_patient.pk) == []
    assert reported(client_of(UserFactory())) == []
    assert_problem(client_of(None).get(LOG), 401, "not_authenticated")


def test_refusals_and_the_users_own_reads_of_the_log_add_no_entry(
    patient: Patient, other_patient: Patient, client_of: Any
) -> None:
    client = client_of(patient.user)
    client_of(other_patient.user).get(f"/api/patient/profile/{patient.pk}/")
    assert reported(client) == []
    assert reported(client) == []
    looks = AuditEvent.objects.filter(kind="accounts.auditevent")
    assert looks.count() == 2


def test_the_log_names_staff_as_on_the_day_even_when_the_account_is_gone(
    patient: Patient, superuser: User, client_of: Any
) -> None:
    superuser.revise(first_name="Rosa", last_name="Gil")
    AdminClient(superuser).get(page(patient, "change"))
    client, that_day = client_of(patient.user), {"role": "staff", "name": "Rosa Gil"}
    superuser.revise(first_name="Elena", last_name="Sanz")
    assert reported(client)[0]["by"] == that_day
    User.objects.filter(pk=superuser.pk).delete()
    assert reported(client)[0]["by"] == that_day


def test_an_event_from_before_names_were_kept_has_the_present_name(
    patient: Patient, superuser: User, client_of: Any
) -> None:
    event = AuditEvent.build(RequestContext(), patient, "read", actor=superuser, role="staff")
    event.kind, event.actor_name = "patient.patient", None
    event.save()
    superuser.revise(first_name="Elena", last_name="Sanz")
    client = client_of(patient.user)
    assert reported(client)[0]["by"] == {"role": "staff", "name": "Elena Sanz"}
    User.objects.filter(pk=superuser.pk).delete()
    assert reported(client)[0]["by"] == {"role": "staff", "name": None}


@pytest.fixture
def doctor_event(patient: Patient) -> Callable[..., None]:
    """Return a function that records an event of one doctor's account at an instant (UTC)."""
    doctor = UserFactory(first_name="Elena", last_name="Sanz")

    def record(at: str, action: str, kind: str, **known: Any) -> None:
        event = AuditEvent.build(RequestContext(), patient, action, actor=doctor, role="doctor")
        event.kind, event.at = kind, datetime.fromisoformat(at)
        event.save()

    return record


def test_a_person_has_one_line_a_day_in_words_on_the_clock_of_the_clinic(
    patient: Patient, superuser: User, doctor_event: Any, client_of: Any
) -> None:
    LocationFactory(time_zone="Pacific/Auckland")  # 13 hours ahead of UTC in December
    superuser.revise(first_name="Rosa", last_name="Gil")
    doctor_event("2025-12-01T10:59+00:00", "read", "patient.patient")  # 23:59 on Monday
    doctor_event("2025-12-01T11:05+00:00", "read", "appointment.appointment")  # 00:05 on Tuesday
    doctor_event("2025-12-01T20:30+00:00", "read", "patient.medicalhistory")
    doctor_event("2025-12-01T20:31+00:00", "change", "appointment.appointment")
    lines = reported(client_of(patient.user))
    assert [(row["date"], row["events"], row["action"]) for row in lines] == [
        ("2025-12-02", 3, "change"),
        ("2025-12-01", 1, "read"),
    ]
    assert lines[0]["text"] == (
        "Elena Sanz (doctor) read visits and the medical history, and changed visits "
        "on Tue 2 Dec 2025 between 00:05 and 09:31 NZDT."
    )
    assert lines[1]["text"] == (
        "Elena Sanz (doctor) read the record on Mon 1 Dec 2025 at 23:59 NZDT."
    )


def test_the_clock_is_that_of_the_latest_visit_and_pages_count_lines(
    patient: Patient, doctor_event: Any, client_of: Any
) -> None:
    LocationFactory(name="A first one", time_zone="Pacific/Auckland")
    AppointmentFactory(patient=patient, slot__location__time_zone="Europe/Madrid")
    for hour in range(3):
        doctor_event(f"2025-12-01T1{hour}:00+00:00", "read", "patient.patient")
    doctor_event("2025-12-03T10:00+00:00", "read", "patient.patient")
    client = client_of(patient.user)
    answer = client.get(LOG, {"page_size": 1}).json()
    assert answer["count"] == 2
    assert "CET" in answer["results"][0]["text"]


def test_a_long_log_reads_whole_events_of_the_lines_of_its_page_alone(
    patient: Patient, doctor_event: Any, client_of: Any
) -> None:
    LocationFactory()
    for day in range(1, 7):
        for hour in ("08", "10", "10"):
            doctor_event(f"2025-12-0{day}T{hour}:00+00:00", "read", "patient.patient")
    client = client_of(patient.user)
    with counted_statements() as statements:
        rows = reported(client, page=2, page_size=2)
    assert [row["date"] for row in rows] == ["2025-12-04", "2025-12-03"]
    assert {row["events"] for row in rows} == {3}
    whole = [each for each in statements if '"accounts_auditevent"."address"' in each]
    reads = [each for each in whole if each.startswith("SELECT")]
    assert len(reads) == 1
    newest = AuditEvent.objects.filter(at__date__in=("2025-12-03", "2025-12-04"), at__hour=10)
    keys = ", ".join(str(each) for each in newest.order_by("-pk").values_list("pk", flat=True)[::2])
    assert f'"accounts_auditevent"."id" IN ({keys})' in reads[0]
