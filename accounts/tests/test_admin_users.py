"""Staff manage accounts in the admin: passwords, addresses, ranks and deletion."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.test import override_settings
from django.utils import timezone
from knox.models import AuthToken

from accounts.models import AuditEvent, User
from accounts.tests.factories import PASSWORD, StaffFactory, SuperuserFactory, UserFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.admin_client import AdminClient, form_errors, messages_of, page
from tests.test_admin_queries import queries

pytestmark = pytest.mark.django_db
ADD = "/admin/accounts/user/add/"
NEW = {"password1": "battery staple horse", "password2": "battery staple horse"}
ARGON2 = override_settings(PASSWORD_HASHERS=["accounts.hashers.Argon2PasswordHasher"])


@pytest.fixture
def admin_client(superuser: User) -> AdminClient:
    return AdminClient(superuser)


@pytest.fixture
def manager(db: None) -> AdminClient:
    """Return a client of a user who may manage accounts but is no superuser."""
    user = StaffFactory()
    user.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    return AdminClient(user)


def set_password(admin_client: AdminClient, user: User, **typed: str) -> User:
    path = f"/admin/accounts/user/{user.pk}/password/"
    admin_client.send(path, usable_password="true", **{**NEW, **typed})
    user.refresh_from_db()
    return user


# --- Adding and changing ---


@ARGON2
def test_adding_a_user_folds_the_address_and_hashes_the_password(admin_client: AdminClient) -> None:
    admin_client.send(ADD, email=" Ana@Example.COM ", usable_password="true", **NEW)
    user = User.objects.get(email="ana@example.com")
    assert user.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert user.check_password(NEW["password1"])
    assert not user.is_staff


@pytest.mark.parametrize("email", ["ana@example.com", " ANA@Example.com "])
def test_a_taken_address_is_an_error_of_the_form_in_any_case(
    admin_client: AdminClient, email: str
) -> None:
    UserFactory(email="ana@example.com")
    other = UserFactory()
    taken = {"A user with this e-mail address already exists."}
    assert (
        set(form_errors(admin_client.send(ADD, email=email, usable_password="true", **NEW)))
        == taken
    )
    assert set(form_errors(admin_client.change(other, email=email))) == taken
    assert User.objects.filter(email__iexact="ana@example.com").count() == 1


def test_an_account_may_be_added_without_a_password(admin_client: AdminClient) -> None:
    admin_client.send(ADD, email="ana@example.com", usable_password="false")
    assert not User.objects.get(email="ana@example.com").has_usable_password()


def test_a_weak_password_is_an_error_of_the_form(admin_client: AdminClient) -> None:
    weak = {"password1": "12345", "password2": "12345", "usable_password": "true"}
    assert len(form_errors(admin_client.send(ADD, email="ana@example.com", **weak))) == 3


def test_the_page_of_a_user_changes_the_typed_fields_and_keeps_the_password(
    admin_client: AdminClient,
) -> None:
    user = UserFactory()
    answer = admin_client.change(user, first_name="Eva", email="EVA@example.com", is_active=[])
    assert 'name="initial-password"' not in answer.content.decode()
    user.refresh_from_db()
    assert (user.first_name, user.email, user.is_active) == ("Eva", "eva@example.com", False)
    assert user.check_password(PASSWORD)


def test_the_language_of_an_account_is_one_of_the_clinic_s(admin_client: AdminClient) -> None:
    user = UserFactory(language="en")
    admin_client.change(user, language="es")
    user.refresh_from_db()
    assert user.language == "es"
    assert form_errors(admin_client.change(user, language="xx"))
    admin_client.change(user, language="")
    user.refresh_from_db()
    assert user.language == ""


def test_no_page_shows_a_hash(admin_client: AdminClient) -> None:
    user = UserFactory()
    for path in (page(user, "change"), page(User), f"/admin/accounts/user/{user.pk}/password/"):
        assert user.password not in admin_client.get(path).content.decode()
    assert admin_client.status(page(User), password__startswith="a") == 400


def test_groups_and_permissions_are_given_and_taken(admin_client: AdminClient) -> None:
    user, group = StaffFactory(), Group.objects.create(name="Billing")
    permission = Permission.objects.get(codename="view_patient")
    admin_client.change(user, groups=[group.pk], user_permissions=[permission.pk])
    assert list(user.groups.all()) == [group]
    assert list(user.user_permissions.all()) == [permission]
    admin_client.change(user, groups=[])
    assert not user.groups.exists()
    assert user.user_permissions.exists()


# --- Passwords ---


@ARGON2
def test_the_password_page_sets_a_password(admin_client: AdminClient) -> None:
    user = set_password(admin_client, UserFactory())
    assert user.password.startswith("argon2$")
    assert user.check_password(NEW["password1"])


def test_setting_a_password_signs_out_every_device(admin_client: AdminClient) -> None:
    user, other = UserFactory(), UserFactory()
    for each in (user, user, other):
        each.issue_token()
    set_password(admin_client, user)
    assert list(AuthToken.objects.values_list("user", flat=True)) == [other.pk]


def test_two_passwords_that_differ_change_nothing(admin_client: AdminClient) -> None:
    user = set_password(admin_client, UserFactory(), password2="something else")
    assert user.check_password(PASSWORD)


def test_taking_the_password_away_signs_every_device_out(admin_client: AdminClient) -> None:
    user = UserFactory()
    user.issue_token()
    path = f"/admin/accounts/user/{user.pk}/password/"
    admin_client.send(path, **{"usable_password": "false", "unset-password": "1"})
    user.refresh_from_db()
    assert not user.has_usable_password()
    assert not AuthToken.objects.exists()


# --- Ranks ---


@pytest.mark.parametrize("rank", ["is_staff", "is_superuser"])
def test_only_superusers_create_superusers(manager: AdminClient, rank: str) -> None:
    user = UserFactory()
    manager.change(user, first_name="Eva", **{rank: "on"})
    user.refresh_from_db()
    assert user.first_name == "Eva"
    assert not getattr(user, rank)


def test_only_superusers_grant_permissions(manager: AdminClient) -> None:
    user, every = UserFactory(), list(Permission.objects.values_list("pk", flat=True))
    group = Group.objects.create(name="Billing")
    manager.change(user, user_permissions=every, groups=[group.pk])
    assert not user.user_permissions.exists()
    assert not user.groups.exists()


def test_only_superusers_change_superusers(manager: AdminClient) -> None:
    chief = SuperuserFactory()
    chief.issue_token()
    sent = manager.client.post(page(chief, "change"), {"email": "x@example.com"})
    assert sent.status_code == 403
    assert manager.delete(chief).status_code == 403
    assert manager.status(f"/admin/accounts/user/{chief.pk}/password/") == 403
    assert set_password(manager, chief).check_password(PASSWORD)
    assert manager.delete_all(chief).status_code == 403
    chief.refresh_from_db()


# --- Deleting ---


def test_an_account_without_patients_is_deleted_with_its_tokens(admin_client: AdminClient) -> None:
    user = UserFactory()
    user.issue_token()
    assert "Signed-in devices: 1" in admin_client.get(page(user, "delete")).content.decode()
    admin_client.delete(user)
    assert not User.objects.filter(pk=user.pk).exists()
    assert not AuthToken.objects.exists()


def test_a_user_with_a_patient_is_not_deleted_and_the_page_says_why(
    admin_client: AdminClient, patient: Patient
) -> None:
    html = admin_client.get(page(patient.user, "delete")).content.decode()
    assert f'Patient: <a href="{page(patient, "change")}">{patient}</a>' in html
    assert admin_client.delete(patient.user).status_code == 200
    assert admin_client.delete_all(patient.user).status_code == 200
    patient.refresh_from_db()


def test_a_user_who_is_a_doctor_is_not_deleted_and_the_page_says_why(
    admin_client: AdminClient, doctor_user: User
) -> None:
    html = admin_client.get(page(doctor_user, "delete")).content.decode()
    assert f'Doctor: <a href="{page(doctor_user.doctor, "change")}">' in html
    admin_client.delete(doctor_user)
    doctor_user.refresh_from_db()


def test_without_permission_the_page_counts_patients_and_names_none(
    manager: AdminClient, patient: Patient
) -> None:
    html = manager.get(page(patient.user, "delete")).content.decode()
    assert "<li>1 patient</li>" in html
    assert patient.last_name not in html


def test_a_bulk_deletion_with_one_in_use_deletes_none(
    admin_client: AdminClient, patient: Patient
) -> None:
    free = UserFactory()
    admin_client.delete_all(free, patient.user)
    free.refresh_from_db()


# --- What patients see of it ---


@pytest.mark.parametrize("what", ["password", "address"])
def test_patients_see_in_their_access_log_that_staff_set_what_opens_their_account(
    manager: AdminClient, client_of: Any, what: str
) -> None:
    patient = PatientFactory()
    child = DependentFactory(user=patient.user)
    if what == "password":
        set_password(manager, patient.user)
    else:
        manager.change(patient.user, email="new@example.com")
    manager.change(patient.user, first_name="Ana")  # opens nothing
    events = AuditEvent.objects.filter(action="change", kind="accounts.user", role="staff")
    assert set(events.values_list("patient_id", "object_id", "channel")) == {
        (person.pk, patient.user.pk, "admin") for person in (patient, child)
    }
    assert len(events) == 2
    client = client_of(User.objects.get(pk=patient.user.pk))
    first, *_ = client.get("/api/patient/access-log/").json()["results"]
    assert (first["action"], first["kind"]) == ("change", "accounts.user")


def test_the_page_of_an_account_makes_no_query_for_each_permission(manager: AdminClient) -> None:
    colleague = StaffFactory()

    def made() -> int:
        return queries(manager, page(colleague, "change"))

    colleague.user_permissions.set(Permission.objects.all()[:1])
    made()
    few = made()
    colleague.user_permissions.set(Permission.objects.all()[:40])
    assert made() == few


# --- Tokens ---


def test_tokens_are_listed_and_revoked_but_never_made_or_shown(admin_client: AdminClient) -> None:
    user = UserFactory()
    plain, _ = user.issue_token()
    token = AuthToken.objects.get()
    for path in (page(AuthToken), page(token, "change"), page(token, "delete")):
        html = admin_client.get(path).content.decode()
        assert user.email in html
        assert token.token_key not in html
        assert plain not in html
    assert admin_client.status(page(AuthToken, "add")) == 403
    assert admin_client.client.post(page(token, "change"), {"expiry": ""}).status_code == 403
    assert messages_of(admin_client.delete(token)) == [
        "The signed-in device “of the account” was deleted successfully."
    ]
    assert not AuthToken.objects.exists()


def test_several_tokens_are_revoked_at_once(admin_client: AdminClient) -> None:
    for _ in range(3):
        UserFactory().issue_token()
    answer = admin_client.delete_all(*AuthToken.objects.all())
    assert messages_of(answer) == ["Successfully deleted 3 signed-in devices."]
    assert not AuthToken.objects.exists()


def test_the_log_names_the_owner_of_a_token_and_no_digest(admin_client: AdminClient) -> None:
    user = UserFactory()
    user.issue_token()
    admin_client.delete(AuthToken.objects.get())
    assert LogEntry.objects.get().object_repr == f"token of account {user.pk}"


def test_tokens_are_filtered_by_expiry(admin_client: AdminClient) -> None:
    UserFactory().issue_token()
    asked = {"expiry__gte": timezone.now() + timedelta(days=30)}
    assert admin_client.get(page(AuthToken), **asked).context["cl"].result_count == 0
