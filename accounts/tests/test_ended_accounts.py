"""Accounts of those who work here or did are ended, and not deleted."""

from contextlib import suppress
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from knox.models import AuthToken

from accounts.models import User
from accounts.models.user import ADMINISTRATOR, AccountKept, LastAdministrator, OwnAccount
from accounts.tests.factories import PASSWORD, StaffFactory, SuperuserFactory, UserFactory
from doctor.tests.factories import DoctorFactory
from patient.models import Patient
from tests.admin_client import AdminClient, messages_of, page
from tests.problems import assert_problem
from tests.threads import run_together

pytestmark = pytest.mark.django_db

INSTEAD = "End the account instead."
CLOSE = "/api/auth/delete-account/"


@pytest.fixture
def admin_client(superuser: User) -> AdminClient:
    return AdminClient(superuser)


@pytest.fixture
def former(patient: Patient) -> Any:
    """Return a patient who was staff and is no more, but has an entry in the admin's log."""
    user = patient.user
    LogEntry.objects.create(user=user, action_flag=2, object_repr="account 1")
    return user


@pytest.fixture(params=["staff", "superuser", "doctor", "former"])
def kept(request: pytest.FixtureRequest) -> User:
    """Return an account of each kind that is never deleted, without anything that protects it."""
    if request.param == "former":
        user = UserFactory()
        LogEntry.objects.create(user=user, action_flag=2, object_repr="account 1")
        return user
    if request.param == "doctor":
        doctor: User = DoctorFactory(user=UserFactory()).user
        return doctor
    found: User = StaffFactory(is_superuser=request.param == "superuser")
    return found


def test_the_admin_deletes_no_account_that_is_kept(admin_client: AdminClient, kept: User) -> None:
    logged = LogEntry.objects.count()
    assert page(kept, "delete") not in admin_client.get(page(kept, "change")).content.decode()
    assert INSTEAD in admin_client.get(page(kept, "delete")).content.decode()
    assert INSTEAD in admin_client.delete(kept).content.decode()
    assert INSTEAD in admin_client.delete_all(kept, UserFactory()).content.decode()
    assert User.objects.filter(pk=kept.pk).exists()
    assert User.objects.filter(is_staff=False, doctor=None).exists()
    assert LogEntry.objects.count() == logged


def test_the_model_deletes_no_account_that_is_kept(kept: User) -> None:
    with pytest.raises(AccountKept):
        kept.delete()
    assert User.objects.filter(pk=kept.pk).exists()


def test_the_page_of_a_patients_account_leads_to_its_deletion(admin_client: AdminClient) -> None:
    user = UserFactory()
    assert page(user, "delete") in admin_client.get(page(user, "change")).content.decode()


def test_one_who_worked_here_does_not_delete_the_account_and_its_log(
    former: Any, client_of: Any
) -> None:
    answer = client_of(former).post(CLOSE, {"password": PASSWORD})
    assert_problem(answer, 403, "permission_denied")
    assert LogEntry.objects.filter(user=former).exists()
    assert Patient.objects.own_of(former).exists()


def test_an_ended_account_signs_in_nowhere_and_stays(
    admin_client: AdminClient, client_of: Any
) -> None:
    user = StaffFactory()
    phone, browser = client_of(user), Client()
    browser.force_login(user)
    ended = admin_client.act("end_accounts", user)
    assert messages_of(ended) == ["1 ended."]
    user.refresh_from_db()
    assert (user.is_active, user.is_staff) == (False, True)
    assert phone.get("/api/auth/profile/").status_code == 401
    assert browser.get("/admin/records/").status_code == 302
    assert not AuthToken.objects.filter(user=user).exists()
    entry = LogEntry.objects.latest("pk")
    assert (entry.object_repr, entry.change_message) == (f"account {user.pk}", "Account ended.")


def test_several_accounts_are_ended_at_once(admin_client: AdminClient) -> None:
    admin_client.act("end_accounts", *StaffFactory.create_batch(4))
    assert User.objects.filter(is_active=False).count() == 4


def test_nobody_ends_their_own_account(admin_client: AdminClient, superuser: User) -> None:
    other = StaffFactory()
    answer = admin_client.act("end_accounts", other, superuser)
    assert messages_of(answer) == [str(OwnAccount.message)]
    assert not User.objects.filter(is_active=False).exists()


# --- The last administrator ---


def test_nobody_ends_or_demotes_themselves_by_the_form(
    admin_client: AdminClient, superuser: User
) -> None:
    SuperuserFactory()
    form = admin_client.open(page(superuser, "change"))
    assert not set(ADMINISTRATOR) & set(form)
    names = (*ADMINISTRATOR, *(f"initial-{name}" for name in ADMINISTRATOR))
    taken: dict[str, Any] = {name: [] for name in names}
    admin_client.send(page(superuser, "change"), form, last_name="New", **taken)
    superuser.refresh_from_db()
    assert superuser.last_name == "New"
    assert (superuser.is_active, superuser.is_staff, superuser.is_superuser) == (True, True, True)


@pytest.mark.parametrize("name", ADMINISTRATOR)
def test_the_last_active_administrator_stays(superuser: User, name: str) -> None:
    SuperuserFactory(is_active=False)
    SuperuserFactory(is_staff=False)
    with pytest.raises(LastAdministrator):
        superuser.revise(**{name: False})
    superuser.refresh_from_db()
    assert getattr(superuser, name) is True
    SuperuserFactory()
    superuser.revise(**{name: False})


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_administrators_who_end_each_other_at_once_one_is_left() -> None:
    people = SuperuserFactory.create_batch(4)

    def end_the_next(n: int) -> Any:
        with suppress(LastAdministrator):
            people[n].revise(is_superuser=False)

    run_together(4, end_the_next)
    assert User.objects.filter(is_active=True, is_staff=True, is_superuser=True).count() == 1
