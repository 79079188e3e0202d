"""A form names the rows that its URL selects only to staff who may view them."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import Model

from accounts.models import AuditEvent, User
from accounts.tests.factories import StaffFactory
from appointment.models import Appointment
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, page
from tests.admin_oracle import registered, request_of
from tests.sample_data import SampleData

pytestmark = pytest.mark.django_db


def selections(user: User) -> list[tuple[type[Model], str]]:
    """Return the models that the user may add, with each field that autocompletes."""
    request = request_of(user)
    admins = ((model, admin.site.get_model_admin(model)) for model in registered())
    may_add = ((model, each) for model, each in admins if each.has_add_permission(request))
    return [
        (model, name)
        for model, each in may_add
        for name in each.get_form(request).base_fields
        if name in each.autocomplete_fields
    ]


def selected(user: User, model: type[Model], **query: Any) -> str:
    return AdminClient(user).get(page(model, "add"), **query).content.decode()


def adder() -> User:
    """Return staff who may add everything and view nothing."""
    user = StaffFactory()
    codenames = {f"add_{model._meta.model_name}" for model in registered()}
    codenames |= {"use_emergency_access", "view_all_sites"}
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return User.objects.get(pk=user.pk)


def test_no_form_names_a_row_that_the_user_may_not_view(sample_data: SampleData) -> None:
    user, found = adder(), []
    for model, name in selections(user):
        related: Any = model._meta.get_field(name).related_model
        row = related._default_manager.first()
        shown = selected(user, model, **{name: row.pk})
        assert f"#{row.pk}</option>" in shown, (model, name)
        assert f"selected>{row}</option>" not in shown
        found.append((model, name))
    assert (Appointment, "patient") in found
    assert len(found) >= 10


def test_what_a_form_does_not_name_is_no_read_and_tells_not_whether_it_exists(db: None) -> None:
    patient, user = PatientFactory(last_name="Canaryana"), adder()
    shown = selected(user, Appointment, patient=patient.pk)
    assert "Canaryana" not in shown
    assert f"#{patient.pk}</option>" in shown
    assert "#987654</option>" in selected(user, Appointment, patient=987654)
    assert not AuditEvent.objects.filter(patient_id=patient.pk).exists()


def test_a_refused_form_names_nobody_either(db: None) -> None:
    patient, user = PatientFactory(last_name="Canaryana"), adder()
    answer = AdminClient(user).send(page(Appointment, "add"), {"patient": patient.pk})
    assert answer.context["errors"]
    assert "Canaryana" not in answer.content.decode()
    assert not AuditEvent.objects.filter(patient_id=patient.pk).exists()


def test_whoever_may_view_the_patient_sees_the_name_and_is_recorded(db: None) -> None:
    patient, user = PatientFactory(last_name="Canaryana"), adder()
    user.user_permissions.add(Permission.objects.get(codename="view_patient"))
    shown = selected(User.objects.get(pk=user.pk), Appointment, patient=patient.pk)
    assert str(patient) in shown
    assert AuditEvent.objects.filter(patient_id=patient.pk, kind="patient.patient").exists()
