"""A form of the admin that is sent twice adds one row, however close together."""

import json
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db.models import Model

from accounts.models import User
from accounts.tests.factories import SuperuserFactory
from appointment.models import IdempotencyKey
from appointment.tests.factories import AppointmentFactory
from doctor.models import Schedule, TimeOff
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from extensions.admin.form_keys import FIELD, SAVED_BEFORE, SENT_TWICE
from patient.models import EmergencyAccess, MedicalHistory, Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, FormReader, messages_of, page
from tests.threads import run_together

pytestmark = pytest.mark.django_db
ADD = page(Patient, "add")
PERSON = {"first_name": "Ana", "last_name": "Ruiz"}


@pytest.fixture
def staff_client(superuser: User) -> AdminClient:
    return AdminClient(superuser)


def leave() -> dict[str, Any]:
    times = {"starts_0": day_ahead(3), "starts_1": "09:00", "ends_0": day_ahead(3)}
    return {"doctor": DoctorFactory().pk, "clock": LocationFactory().pk, **times, "ends_1": "10:00"}


def entry() -> dict[str, Any]:
    what = {"kind": "condition", "description": "Asthma", "status": "active"}
    return {"patient": PatientFactory().pk, **what}


FORMS = [
    (TimeOff, leave),
    (Group, lambda: {"name": "Night"}),
    (User, lambda: {**PERSON, "email": "ana@example.com", "usable_password": "false"}),
    (EmergencyAccess, lambda: {"patient": PatientFactory().pk, "reason": "Unconscious"}),
]


@pytest.mark.parametrize(("model", "typed"), FORMS)
def test_a_form_that_is_sent_twice_adds_one_row_and_leads_to_the_same_page(
    staff_client: AdminClient, model: type[Model], typed: Any
) -> None:
    form = {**staff_client.open(page(model, "add")), **typed()}
    before = model._default_manager.count()
    first, second = (staff_client.send(page(model, "add"), form) for _ in range(2))
    assert model._default_manager.count() == before + 1
    assert first.redirect_chain == second.redirect_chain != []
    assert messages_of(second) == [SENT_TWICE]
    assert LogEntry.objects.count() == 1


def test_the_form_of_add_another_has_a_new_key(staff_client: AdminClient) -> None:
    form = {**staff_client.open(ADD), **PERSON, "_addanother": "1"}
    following = FormReader(staff_client.send(ADD, form).content.decode()).sent
    assert following[FIELD] != form[FIELD]
    assert messages_of(staff_client.send(ADD, form)) == [SENT_TWICE]
    staff_client.send(ADD, {**following, **PERSON})
    assert Patient.objects.count() == 2


def test_who_goes_back_and_types_something_else_is_told_that_it_was_not_saved(
    staff_client: AdminClient,
) -> None:
    form = {**staff_client.open(ADD), **PERSON}
    staff_client.send(ADD, form)
    assert messages_of(staff_client.send(ADD, form, first_name="Eva")) == [SAVED_BEFORE]
    assert Patient.objects.get().first_name == "Ana"


def test_a_form_with_errors_keeps_its_key_and_is_saved_afterwards(
    staff_client: AdminClient,
) -> None:
    form = {**staff_client.open(ADD), **PERSON}
    again = FormReader(staff_client.send(ADD, form, last_name="").content.decode()).sent
    assert again[FIELD] == form[FIELD]
    assert not IdempotencyKey.objects.exists()
    staff_client.send(ADD, again, last_name="Ruiz")
    assert Patient.objects.count() == 1


def test_a_refused_form_keeps_its_key_and_is_saved_afterwards(staff_client: AdminClient) -> None:
    there = ScheduleFactory()
    typed = {"doctor": there.doctor_id, "location": there.location_id, "date": there.date}
    typed |= {"start_time": "10:30", "end_time": "12:00", "capacity": "1"}
    form = {**staff_client.open(page(Schedule, "add")), **typed}
    refused = staff_client.send(page(Schedule, "add"), form)
    assert "already has a session at that time" in refused.content.decode()
    again = FormReader(refused.content.decode()).sent
    assert again[FIELD] == form[FIELD]
    for _ in range(2):
        staff_client.send(page(Schedule, "add"), again, start_time="11:00")
    assert Schedule.objects.count() == 2


def test_an_entry_added_on_the_page_of_its_patient_is_added_once(staff_client: AdminClient) -> None:
    patient = PatientFactory()
    path = page(patient, "change")
    new = {f"history-0-{name}": value for name, value in entry().items() if name != "patient"}
    form = {**staff_client.open(path), **new, "history-TOTAL_FORMS": "1"}
    staff_client.send(path, form)
    assert messages_of(staff_client.send(path, form)) == [SENT_TWICE]
    assert patient.history.count() == 1


def test_a_change_that_adds_nothing_is_saved_each_time(staff_client: AdminClient) -> None:
    patient = PatientFactory()
    path = page(patient, "change")
    form = staff_client.open(path)
    for name in ("Eva", "Ida"):
        staff_client.send(path, form, first_name=name)
    patient.refresh_from_db()
    assert patient.first_name == "Ida"


def test_a_second_answer_of_a_popup_names_the_row_of_the_first(staff_client: AdminClient) -> None:
    form = {**staff_client.open(f"{ADD}?_popup=1"), **PERSON}
    first, second = (staff_client.send(ADD, form) for _ in range(2))
    person = Patient.objects.get()
    assert f'"value": "{person.pk}"'.replace('"', "&quot;") in first.content.decode()
    assert first.content == second.content
    assert "Ruiz" not in IdempotencyKey.objects.get().body, "it would outlive an erasure"


def test_a_second_answer_of_a_popup_whose_row_was_deleted_closes_it(
    staff_client: AdminClient,
) -> None:
    form = {**staff_client.open(f"{ADD}?_popup=1"), **PERSON}
    staff_client.send(ADD, form)
    person = Patient.objects.get()
    closed = {"action": "delete", "value": str(person.pk)}
    staff_client.delete(person)
    second = staff_client.send(ADD, form)
    assert second.redirect_chain == []
    assert json.loads(second.context["popup_response_data"]) == closed
    assert not Patient.objects.exists()
    assert messages_of(staff_client.get(ADD)) == []


def test_a_confirmed_preview_of_leave_is_saved_once(staff_client: AdminClient) -> None:
    visit = AppointmentFactory()
    path = page(TimeOff, "add")
    form = {**staff_client.open(path), **leave(), "doctor": visit.doctor_id}
    form |= {"clock": visit.location_id, "ends_1": "20:00"}
    preview = FormReader(staff_client.send(path, form).content.decode()).sent
    assert "_confirmed" in preview
    for _ in range(2):
        staff_client.send(path, preview)
    assert messages_of(staff_client.send(path, form)) == [SENT_TWICE]  # back in the browser, twice
    assert TimeOff.objects.count() == 1


def test_a_form_without_a_key_or_with_a_made_up_one_is_saved_each_time(
    staff_client: AdminClient,
) -> None:
    for key in ("", "ß" * 22):
        staff_client.send(ADD, {**staff_client.open(ADD), **PERSON, FIELD: key})
    assert Patient.objects.count() == 2


def test_a_key_is_its_users_alone_and_of_one_page(staff_client: AdminClient) -> None:
    form = {**staff_client.open(ADD), **PERSON}
    staff_client.send(ADD, form)
    AdminClient(SuperuserFactory()).send(ADD, form)
    assert Patient.objects.count() == 2
    staff_client.send(page(MedicalHistory, "add"), {**entry(), FIELD: form[FIELD]})
    assert MedicalHistory.objects.count() == 1


def test_every_form_that_adds_a_row_has_a_key(staff_client: AdminClient) -> None:
    shown = [staff_client.get(page(model, "add")) for model in admin.site._registry]
    forms = [answer.content.decode() for answer in shown if answer.status_code == 200]
    assert len(forms) > 10
    assert [html for html in forms if f'type="hidden" name="{FIELD}"' not in html] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.both_databases
def test_two_posts_of_one_form_at_once_add_one_row() -> None:
    user, path = SuperuserFactory(), page(TimeOff, "add")
    clients = [AdminClient(user) for _ in range(2)]
    form = {**clients[0].open(path), **leave()}
    answers: list[Any] = run_together(2, lambda n: clients[n].send(path, form))
    assert TimeOff.objects.count() == 1
    assert [answer.status_code for answer in answers] == [200, 200]
    said = [str(SENT_TWICE) in answer.content.decode() for answer in answers]
    assert sorted(said) == [False, True]
