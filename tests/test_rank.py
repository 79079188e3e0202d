"""Staff with narrow rights do not climb: they change no rank, and link nobody to an account."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q
from django.test import RequestFactory
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from knox.models import AuthToken

from accounts.models import SecondFactor, User
from accounts.tests.factories import StaffFactory, SuperuserFactory, UserFactory
from doctor.models import Doctor
from doctor.tests.factories import DoctorFactory
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.admin_client import AdminClient, page
from tests.people import reception_group
from tests.sample_data import rolled_back

pytestmark = pytest.mark.django_db

RIGHTS = ("is_staff", "is_superuser")
NEW = {"password1": "battery staple horse", "password2": "battery staple horse"}
TARGETS = ("colleague", "doctor", "superuser", "climber")


@dataclass(frozen=True)
class People:
    """Accounts that work here, the narrow member of staff who climbs, and whom they could link."""

    climber: User
    colleague: User
    ended: User
    doctor: User
    superuser: User
    client: User
    patient: Patient
    dependent: Patient
    walk_in: Patient
    unlinked: Doctor
    group: Group

    @classmethod
    def made(cls) -> "People":
        """Make them; everybody who works here has a token, a second factor and a wrong login."""
        patient = PatientFactory()
        people = cls(
            climber=StaffFactory(),
            colleague=StaffFactory(),
            ended=StaffFactory(is_active=False),
            doctor=DoctorFactory(user=UserFactory()).user,
            superuser=SuperuserFactory(),
            client=patient.user,
            patient=patient,
            dependent=DependentFactory(),
            walk_in=PatientFactory(user=None),
            unlinked=DoctorFactory(),
            group=Group.objects.create(name="Billing"),
        )
        people.colleague.groups.add(reception_group())
        for log in (AccessLog, AccessFailureLog):
            log.objects.create(username=people.colleague.email, path_info="/here")
        for user in (people.colleague, people.doctor, people.superuser):
            user.issue_token()
            TOTPDevice.objects.create(user=user, name="App")
            StaticDevice.objects.create(user=user, name="Codes")
            AccessAttempt.objects.create(username=user.email, failures_since_start=3)
        return people


@pytest.fixture(scope="module")
def people(django_db_setup: None, django_db_blocker: Any) -> Iterator[People]:
    """Make them for all tests of the module. Each test's changes are undone."""
    with django_db_blocker.unblock(), rolled_back():
        yield People.made()


def ranks(climber: User) -> list[Any]:
    """Return all that says who may do what, except the climber's permissions, and who acts."""
    works_here = User.objects.filter(Q(is_staff=True) | Q(doctor__isnull=False))
    rows: list[Any] = [
        works_here.values("pk", "email", "password", "first_name", "last_name", "is_active"),
        User.objects.filter(Q(is_staff=True) | Q(is_superuser=True)).values("pk", *RIGHTS),
        User.groups.through.objects.values(),
        User.user_permissions.through.objects.exclude(user=climber).values(),
        Group.objects.values(),
        Group.permissions.through.objects.values(),
        Patient.objects.exclude(user=None).values("pk", "user", "is_dependent"),
        Doctor.objects.exclude(user=None).values("pk", "user"),
        *(model._base_manager.values("pk") for model in (TOTPDevice, StaticDevice, StaticToken)),
        AuthToken.objects.filter(user__in=works_here).values("pk"),
        AccessAttempt.objects.values("pk", "failures_since_start"),
        *(
            log.objects.filter(path_info="/here").values("pk")
            for log in (AccessLog, AccessFailureLog)
        ),
    ]
    return [list(found.order_by(*found.query.values_select)) for found in rows]


Attempt = Callable[[People], tuple[str, dict[str, Any]]]


def form_with(people: People, path: str, typed: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the path and its form as a superuser sees it, with these values.

    A value that is a function gets the people.
    """
    values = {name: value(people) if callable(value) else value for name, value in typed.items()}
    return path, {**AdminClient(people.superuser).open(path), **values}


def changes(row: Callable[[People], Model], **typed: Any) -> Attempt:
    """Return an attempt to save the row's form with these values."""
    return lambda people: form_with(people, page(row(people), "change"), typed)


def adds(model: type[Model], **typed: Any) -> Attempt:
    """Return an attempt to add a row with these values."""
    return lambda people: form_with(people, page(model, "add"), typed)


def deletes(rows: Callable[[People], Any]) -> Attempt:
    """Return an attempt to delete a row on its page."""
    return lambda people: (page(rows(people), "delete"), {"post": "yes"})


def acts(action: str, rows: Callable[[People], Any]) -> Attempt:
    """Return an attempt to run an action on a row."""

    def attempt(people: People) -> tuple[str, dict[str, Any]]:
        row = rows(people)
        chosen = {"action": action, "_selected_action": [row.pk], "post": "yes", "index": 0}
        return page(type(row)), chosen

    return attempt


def of(name: str) -> Callable[[People], Any]:
    return lambda people: getattr(people, name)


def key_of(name: str) -> Callable[[People], Any]:
    return lambda people: getattr(people, name).pk


def row_of(model: type[Model], name: str) -> Callable[[People], Any]:
    """Return a function that finds the row of this model of an account."""
    return lambda people: model._base_manager.get(user=getattr(people, name))


def login(model: type[Model]) -> Callable[[People], Any]:
    """Return a function that finds the row of django-axes on the colleague."""
    return lambda people: model._base_manager.get(username=people.colleague.email)


def every_right(people: People) -> list[int]:
    return list(Permission.objects.values_list("pk", flat=True))


def of_accounts(target: str) -> Iterator[tuple[str, type[Model], Attempt]]:
    """Yield attempts on an account that works here."""
    account = of(target)
    yield f"address of {target}", User, changes(account, email="evil@example.com")
    yield (
        f"password of {target}",
        User,
        lambda people: (
            f"/admin/accounts/user/{account(people).pk}/password/",
            {"usable_password": "true", **NEW},
        ),
    )


ATTEMPTS: dict[str, tuple[type[Model], Attempt]] = {
    **{name: (kind, way) for target in TARGETS for name, kind, way in of_accounts(target)},
    "name of the climber": (User, changes(of("climber"), first_name="Mallory")),
    "name of a doctor": (User, changes(of("doctor"), first_name="Mallory")),
    "close a doctor's account": (User, changes(of("doctor"), is_active=[])),
    "rank of the climber": (User, changes(of("climber"), is_superuser="on")),
    "rights of the climber": (User, changes(of("climber"), user_permissions=every_right)),
    "group of the climber": (User, changes(of("climber"), groups=key_of("group"))),
    "rank of a patient": (User, changes(of("client"), is_staff="on")),
    "rights of a patient": (User, changes(of("client"), user_permissions=every_right)),
    "reopen an ended account": (User, changes(of("ended"), is_active="on")),
    "end a colleague": (User, acts("end_accounts", of("colleague"))),
    "rights of a group": (Group, changes(of("group"), permissions=every_right)),
    "new group": (Group, adds(Group, name="Climbers", permissions=every_right)),
    "delete a group": (Group, deletes(of("group"))),
    "delete groups": (Group, acts("delete_selected", of("group"))),
    "link a walk-in": (Patient, changes(of("walk_in"), user=key_of("climber"))),
    "link a patient": (Patient, changes(of("patient"), user=key_of("climber"))),
    "link a dependent": (Patient, changes(of("dependent"), user=key_of("climber"))),
    "unlink a patient": (Patient, changes(of("patient"), user="")),
    "make a patient a dependent": (Patient, changes(of("patient"), is_dependent="on")),
    "new linked patient": (
        Patient,
        adds(Patient, first_name="M", last_name="M", user=key_of("climber")),
    ),
    "new dependent": (
        Patient,
        adds(
            Patient,
            first_name="M",
            last_name="M",
            user=lambda people: people.patient.user_id,
            is_dependent="on",
        ),
    ),
    "link a doctor": (Doctor, changes(of("unlinked"), user=key_of("climber"))),
    "take a doctor over": (Doctor, changes(lambda p: p.doctor.doctor, user=key_of("climber"))),
    "unlink a doctor": (Doctor, changes(lambda p: p.doctor.doctor, user="")),
    "new linked doctor": (
        Doctor,
        adds(Doctor, first_name="M", last_name="M", license_number="M-1", user=key_of("climber")),
    ),
    "delete a linked doctor": (Doctor, deletes(lambda p: p.doctor.doctor)),
    "delete linked doctors": (Doctor, acts("delete_selected", lambda p: p.doctor.doctor)),
    "delete an app": (TOTPDevice, deletes(row_of(TOTPDevice, "colleague"))),
    "delete apps": (TOTPDevice, acts("delete_selected", row_of(TOTPDevice, "colleague"))),
    "delete recovery codes": (StaticDevice, deletes(row_of(StaticDevice, "doctor"))),
    "sign a colleague out": (AuthToken, deletes(row_of(AuthToken, "colleague"))),
    "sign a doctor out": (AuthToken, acts("delete_selected", row_of(AuthToken, "doctor"))),
    "lift a lock-out": (AccessAttempt, deletes(login(AccessAttempt))),
    "lift lock-outs": (AccessAttempt, acts("delete_selected", login(AccessAttempt))),
    "hide a login": (AccessLog, deletes(login(AccessLog))),
    "hide a guess": (AccessFailureLog, acts("delete_selected", login(AccessFailureLog))),
}
# These reach nobody's rank, whoever tries: a superuser neither.
NOBODY: dict[str, tuple[type[Model], Attempt]] = {
    "delete a colleague": (User, deletes(of("colleague"))),
    "delete doctors": (User, acts("delete_selected", of("doctor"))),
    "delete an ended account": (User, deletes(of("ended"))),
    "new account with a rank": (
        User,
        adds(User, email="m@example.com", usable_password="true", is_superuser="on", **NEW),
    ),
    "new app": (
        TOTPDevice,
        lambda p: (page(TOTPDevice, "add"), {"user": p.climber.pk, "name": "x"}),
    ),
    "new codes": (
        StaticDevice,
        lambda p: (page(StaticDevice, "add"), {"user": p.superuser.pk, "name": "x"}),
    ),
    "new token": (AuthToken, lambda p: (page(AuthToken, "add"), {"user": p.superuser.pk})),
    "change a token": (
        AuthToken,
        lambda p: (page(row_of(AuthToken, "superuser")(p), "change"), {"user": p.climber.pk}),
    ),
    "clean lock-outs": (AccessAttempt, acts("cleanup_expired_attempts", login(AccessAttempt))),
}
EVERY = {**ATTEMPTS, **NOBODY}


def rights_to_try(model: type[Model]) -> list[list[int]]:
    """Return each permission of the model alone, then all permissions there are."""
    kind = {"app_label": model._meta.app_label, "model": model._meta.model_name}
    own = Permission.objects.filter(content_type__in=ContentType.objects.filter(**kind))
    every = Permission.objects.order_by("pk").values_list("pk", flat=True)
    return [*([right.pk] for right in own), list(every)]


def held_by(user: User) -> list[int]:
    return list(user.user_permissions.order_by("pk").values_list("pk", flat=True))


@pytest.mark.parametrize("name", EVERY)
def test_no_permission_short_of_a_superuser_changes_a_rank(name: str, people: People) -> None:
    """The same form changes a rank when a superuser sends it, unless it is one of NOBODY."""
    model, attempt = EVERY[name]
    path, form = attempt(people)
    before = ranks(people.climber)
    client = AdminClient(people.climber)
    with rolled_back():
        for rights in rights_to_try(model):
            people.climber.user_permissions.set(rights)
            client.client.post(path, form)
            assert held_by(people.climber) == rights
        assert ranks(people.climber) == before
    AdminClient(people.superuser).client.post(path, form)
    after = (ranks(people.climber), held_by(people.climber))
    assert (after == (before, [])) is (name in NOBODY)


def fields_of_rank(user: User) -> set[str]:
    """Return the fields of the user's forms that choose an account, a group or a permission."""
    request = RequestFactory().get("/")
    request.user = user
    found = set()
    for model, model_admin in admin.site._registry.items():
        forms = []
        if model_admin.has_add_permission(request):
            forms.append(model_admin.get_form(request))
        if model_admin.has_change_permission(request, model()):
            forms.append(model_admin.get_form(request, model(), change=True))
        found |= {
            f"{model._meta.label}.{name}"
            for form in forms
            for name, field in form.base_fields.items()
            if getattr(getattr(field, "queryset", None), "model", None) in {User, Group, Permission}
        }
    return found


def test_no_form_of_staff_short_of_a_superuser_names_an_account_or_a_right(
    superuser: User,
) -> None:
    climber = StaffFactory()
    climber.user_permissions.set(Permission.objects.all())
    assert fields_of_rank(climber) == set()
    assert fields_of_rank(superuser) == {
        "accounts.User.groups",
        "accounts.User.user_permissions",
        "auth.Group.permissions",
        "doctor.Doctor.user",
        "patient.Patient.user",
    }


def test_only_a_superuser_gives_a_colleague_a_code(people: People) -> None:
    people.climber.user_permissions.set(Permission.objects.all())
    code = SecondFactor(people.climber).give_code()
    form = {"verb": "give", "code": code, "email": people.superuser.email}
    answer = AdminClient(people.climber).client.post("/admin/second-factor/", form)
    assert answer.status_code == 403
    assert not StaticToken.objects.filter(device__user=people.superuser).exists()


def test_no_page_shows_a_colleagues_hash_to_whoever_may_change_accounts(people: People) -> None:
    people.climber.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    html = AdminClient(people.climber).get(page(people.colleague, "change")).content.decode()
    assert people.colleague.email in html
    assert people.colleague.password not in html


def test_whoever_may_change_accounts_changes_those_of_patients(patient: Patient) -> None:
    clerk = StaffFactory()
    clerk.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    client = AdminClient(clerk)
    client.change(patient.user, email="new@example.com", first_name="Eva")
    patient.user.refresh_from_db()
    assert (patient.user.email, patient.user.first_name) == ("new@example.com", "Eva")
    assert LogEntry.objects.filter(user=clerk).count() == 1
