"""Events say who acted, by number and by the name of that day, and in which role."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from accounts.audit.context import API, RequestContext, use_context
from accounts.models import AuditEvent, User
from accounts.tests.factories import UserFactory
from appointment.models import Appointment, AppointmentEvent
from appointment.tests.factories import AppointmentFactory
from patient.models import EmergencyAccess, Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, page
from tests.audit_events import events_kept
from tests.sample_data import SampleData, rolled_back
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db


def rename(user: User, **names: str) -> None:
    user.revise(**({"first_name": "Elena", "last_name": "Sanz"} | names))


@pytest.fixture
def rosa(staff: User) -> User:
    """Return a member of staff who is called Rosa Gil today."""
    rename(staff, first_name="Rosa", last_name="Gil")
    return staff


# --- The name of that day -------------------------------------------------------------------------


@pytest.mark.both_databases
def test_events_keep_the_number_and_the_name_of_staff_when_the_account_is_gone(
    rosa: User, patient: Patient
) -> None:
    visit = AppointmentFactory(patient=patient)
    visit.cancel(by=rosa)
    EmergencyAccess(patient=patient, user=rosa, reason="Unconscious").begin()
    key = rosa.pk
    User.objects.filter(pk=key).delete()
    canceled = AppointmentEvent.objects.get(actor_id=key)
    recorded = AuditEvent.objects.get(kind="appointment.appointment", actor_id=key)
    access = EmergencyAccess.objects.get(user_id=key)
    assert (canceled.actor_id, canceled.actor_name) == (key, "Rosa Gil")
    assert (recorded.actor_id, recorded.actor_name) == (key, "Rosa Gil")
    assert (access.user_id, access.user_name) == (key, "Rosa Gil")


@pytest.mark.parametrize("afterwards", ["renamed", "deleted"])
def test_the_pages_of_the_admin_show_the_name_of_that_day(
    rosa: User, superuser: User, patient: Patient, afterwards: str
) -> None:
    visit = AppointmentFactory(patient=patient)
    visit.cancel(by=rosa)
    access = EmergencyAccess(patient=patient, user=rosa, reason="Unconscious")
    access.begin()
    if afterwards == "renamed":
        rename(rosa)
    else:
        User.objects.filter(pk=rosa.pk).delete()
    admin_client, key = AdminClient(superuser), rosa.pk
    canceled = AppointmentEvent.objects.get(actor_id=key)
    recorded = AuditEvent.objects.get(kind="appointment.appointment", actor_id=key)
    for path in (
        page(visit, "change"),
        page(AppointmentEvent),
        page(canceled, "change"),
        page(EmergencyAccess),
        page(access, "change"),
        page(AuditEvent),
        page(recorded, "change"),
    ):
        html = admin_client.get(path).content.decode()
        assert "Rosa Gil" in html, path
        assert "Elena Sanz" not in html, path


@pytest.mark.parametrize("model", [AuditEvent, EmergencyAccess])
def test_an_event_is_found_by_the_name_of_that_day(
    rosa: User, superuser: User, patient: Patient, model: Any
) -> None:
    EmergencyAccess(patient=patient, user=rosa, reason="Unconscious").begin()
    with use_context(RequestContext(get_user=lambda: rosa)):
        AuditEvent.objects.record("read", Patient, [patient], role="staff")
    rename(rosa)
    found = AdminClient(superuser).get(page(model), q="Gil").context["cl"].result_list
    assert len(found) == 1


@pytest.mark.both_databases
def test_the_way_back_forgets_the_numbers_of_deleted_accounts_alone(
    rosa: User, superuser: User, patient: Patient
) -> None:
    for user in (rosa, superuser):
        AppointmentFactory(patient=patient).cancel(by=user)
        EmergencyAccess(patient=patient, user=user, reason="Unconscious").begin()
    User.objects.filter(pk=rosa.pk).delete()
    before = AppointmentEvent.objects.exclude(actor_id=None).count()
    import_module("appointment.migrations.0009_forget_deleted_actors").forget_deleted_actors(
        apps, None
    )
    import_module("patient.migrations.0007_forget_deleted_users").forget_deleted_users(apps, None)
    assert AppointmentEvent.objects.exclude(actor_id=None).count() == before - 1
    assert not AppointmentEvent.objects.filter(actor_id=rosa.pk).exists()
    accesses = EmergencyAccess.objects.filter(patient=patient).order_by("pk")
    assert [access.user_id for access in accesses] == [None, superuser.pk]


def test_no_event_keeps_the_name_of_a_patient(sample_data: SampleData) -> None:
    book = "/api/appointment/book/{doctor_id}/"
    owner = sample_data.accounts["owner"]
    with rolled_back(), events_kept() as left:
        answer = sample_data.client("owner").post(
            sample_data.path(book), sample_data.body("POST", book)
        )
        assert answer.status_code == 201
        booked = AppointmentEvent.objects.get(appointment=answer.json()["id"])
        refused = sample_data.client("other").get(f"/api/patient/profile/{owner.pk}/")
        assert refused.status_code == 404
    assert (booked.actor_id, booked.actor_name) == (owner.pk, None)
    assert [event.actor_name for event in left] == [None] * len(left)


def test_staff_who_read_their_own_record_as_patients_leave_no_name(
    rosa: User, client_of: Any
) -> None:
    PatientFactory(user=rosa)
    with events_kept() as left:
        assert client_of(rosa).get("/api/patient/profile/").status_code == 200
    assert [(event.role, event.actor_name) for event in left] == [("patient", None)]


def test_a_doctor_and_a_refused_member_of_staff_are_named(
    sample_data: SampleData, rosa: User, client_of: Any
) -> None:
    doctor = sample_data.accounts["doctor"]
    with rolled_back(), events_kept() as left:
        sample_data.client("doctor").get("/api/appointment/agenda/")
        client_of(rosa).get(f"/api/patient/profile/{sample_data.entry.patient_id}/")
    assert {(event.role, event.actor_name) for event in left} == {
        ("doctor", doctor.full_name),
        ("stranger", "Rosa Gil"),
    }


def test_the_name_costs_no_statement(rosa: User, patient: Patient) -> None:
    key = AppointmentFactory(patient=patient).pk
    visit = Appointment.objects.with_names().get(pk=key)
    with counted_statements() as statements:
        visit._record(AppointmentEvent.Kind.AMENDED, rosa, visit.starts_at)
    assert len(statements) == 1, statements  # both events in one


# --- The role before the write --------------------------------------------------------------------


def test_linking_a_patient_to_oneself_is_filed_as_an_act_of_staff(superuser: User) -> None:
    walk_in = PatientFactory(user=None)
    form = AdminClient(superuser).open(page(walk_in, "change"))
    with events_kept() as left:
        AdminClient(superuser).client.post(page(walk_in, "change"), {**form, "user": superuser.pk})
    walk_in.refresh_from_db()
    assert walk_in.user == superuser
    assert {event.action for event in left} == {"read", "change"}
    assert {(event.role, event.patient_id) for event in left} == {("staff", walk_in.pk)}


def test_a_form_that_fails_files_its_reads_as_those_of_staff(superuser: User) -> None:
    walk_in = PatientFactory(user=None)
    form = AdminClient(superuser).open(page(walk_in, "change"))
    wrong = {**form, "user": superuser.pk, "date_of_birth": "soon"}
    with events_kept() as left:
        AdminClient(superuser).client.post(page(walk_in, "change"), wrong)
    assert {event.role for event in left} == {"staff"}


@pytest.mark.parametrize("link", ["own", "none"])
def test_the_role_is_that_before_the_write_outside_the_admin_too(link: str) -> None:
    user = UserFactory()
    patient = PatientFactory(user=None if link == "own" else user)
    context = RequestContext(channel=API, get_user=lambda: user)
    with use_context(context), events_kept() as left:
        patient.revise(user=user if link == "own" else None)
    assert [event.role for event in left] == ["doctor" if link == "own" else "patient"]


def test_in_the_admin_staff_act_as_staff_on_their_own_record_too(superuser: User) -> None:
    own = PatientFactory(user=superuser)
    visit = AppointmentFactory(patient=own)
    admin_client = AdminClient(superuser)
    with events_kept() as left:
        admin_client.change(own, address="Calle Mayor 1")
        admin_client.change(visit, reason="A check")
        admin_client.act("cancel", visit, override_reason="")
    assert {event.role for event in left} == {"staff"}
    assert {event.action for event in left} == {"read", "change"}
    events = AppointmentEvent.objects.filter(appointment=visit).order_by("pk")[1:]
    assert [(event.kind, event.by) for event in events] == [
        ("amended", "staff"),
        ("canceled", "staff"),
    ]


def test_adding_a_patient_of_ones_own_account_is_filed_as_an_act_of_staff(
    superuser: User,
) -> None:
    admin_client, add = AdminClient(superuser), page(Patient, "add")
    form = {**admin_client.open(add), "first_name": "A", "last_name": "B", "user": superuser.pk}
    with events_kept() as left:
        admin_client.client.post(add, form)
    assert [(event.action, event.role) for event in left] == [("create", "staff")]
