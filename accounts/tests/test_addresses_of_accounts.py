"""Pages of the admin show the e-mail address of an account only to users who may view accounts."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from knox.models import AuthToken

from accounts.models import User
from accounts.tests.factories import StaffFactory, SuperuserFactory
from doctor.tests.factories import SiteStaffFactory
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, page

pytestmark = pytest.mark.django_db
OF_ACCOUNTS = [AuthToken, TOTPDevice, StaticDevice]


def staff_with(*codenames: str) -> User:
    user = StaffFactory()
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return User.objects.get(pk=user.pk)


def row_of(model: Any, user: User) -> Any:
    if model is AuthToken:
        return model.objects.create(user=user)[0]
    return model.objects.create(user=user, name="Phone")


@pytest.mark.parametrize(("first_name", "shown"), [("Greta", "Greta"), ("", "account {}")])
def test_a_history_names_who_acted_without_the_address(first_name: str, shown: str) -> None:
    actor = SuperuserFactory(email="hidden@example.com", first_name=first_name, last_name="")
    patient = PatientFactory()
    AdminClient(actor).change(patient, address="New")
    html = AdminClient(staff_with("view_patient")).get(page(patient, "history")).content.decode()
    assert shown.format(actor.pk) in html
    assert "hidden@example.com" not in html
    viewer = staff_with("view_patient", "view_user", "view_all_sites")
    assert (
        "hidden@example.com" in AdminClient(viewer).get(page(patient, "history")).content.decode()
    )


def test_staff_of_a_site_see_no_address_in_a_history() -> None:
    actor, patient = SuperuserFactory(email="hidden@example.com"), PatientFactory()
    AdminClient(actor).change(patient, address="New")
    SiteStaffFactory()
    member = staff_with("view_patient", "view_user")
    answer = AdminClient(member).client.get(page(patient, "history"), follow=True)
    assert "hidden@example.com" not in answer.content.decode()


@pytest.mark.parametrize("model", OF_ACCOUNTS)
def test_tokens_and_devices_name_their_owner_without_the_address(model: Any) -> None:
    owner = StaffFactory(email="hidden@example.com", first_name="Greta", last_name="Blau")
    row, name = row_of(model, owner), model._meta.model_name
    client = AdminClient(staff_with(f"view_{name}", f"delete_{name}", "view_all_sites"))
    for view in ("change", "history", "delete"):
        assert "hidden@" not in client.get(page(row, view)).content.decode(), view
    chosen = {"action": "delete_selected", "_selected_action": [row.pk]}
    assert "hidden@" not in client.client.post(page(model), chosen).content.decode()
    html = client.get(page(model)).content.decode()
    assert "Greta Blau" in html
    assert "hidden@" not in html
    assert client.get(page(model), q="hidden@").context["cl"].result_count == 0
    assert client.get(page(model), q="Blau").context["cl"].result_count == 1


@pytest.mark.parametrize("model", OF_ACCOUNTS)
def test_whoever_may_view_accounts_finds_tokens_and_devices_by_address(model: Any) -> None:
    row_of(model, StaffFactory(email="shown@example.com"))
    viewer = staff_with(f"view_{model._meta.model_name}", "view_user", "view_all_sites")
    shown = AdminClient(viewer).get(page(model), q="shown@")
    assert shown.context["cl"].result_count == 1
    assert "shown@example.com" in shown.content.decode()
