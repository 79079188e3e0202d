"""No list, of the admin or the API, tells by a filter a column that it does not show."""

import re
from collections.abc import Iterator
from datetime import date, time
from html import unescape
from typing import Any

import pytest
from axes.models import AccessLog
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.filters import RelatedFieldListFilter, SimpleListFilter
from django.contrib.admin.sites import AdminSite
from django.contrib.admin.utils import flatten, flatten_fieldsets
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.urls import resolve
from django_filters import OrderingFilter
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from knox.models import AuthToken

from accounts.models import AuditEvent, User
from accounts.tests.factories import StaffFactory
from appointment.models import Appointment, AppointmentEvent
from doctor.models import Doctor, Location, Schedule, Slot
from extensions.admin.periods import PERIOD
from extensions.formats import date_text
from patient.models import MedicalHistory, Patient
from tests.admin_client import AdminClient, page
from tests.admin_oracle import (
    is_taken,
    offered,
    parameters,
    read_by_comparing,
    registered,
    request_of,
)
from tests.routes import api_routes
from tests.sample_data import rolled_back
from tests.test_admin_site import make_rows

pytestmark = pytest.mark.django_db
MODELS = registered()
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')  # differs in each answer
of_every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)


def viewer_of(model: type[Model]) -> User:
    """Return staff who may view this model and nothing else, at any site."""
    user = StaffFactory()
    codename = f"view_{model._meta.model_name}"
    user.user_permissions.add(
        Permission.objects.get(content_type__app_label=model._meta.app_label, codename=codename),
        Permission.objects.get(codename="view_all_sites"),
    )
    return User.objects.get(pk=user.pk)


def shown(answer: Any) -> str:
    """Return the page without its CSRF token."""
    return CSRF.sub("", answer.content.decode())


@pytest.fixture(scope="module")
def rows(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Make a row of every registered model. All tests of the module share them."""
    with django_db_blocker.unblock(), rolled_back():
        make_rows()
        Patient.objects.update(phone_number="+34612345678", date_of_birth=date(1984, 12, 3))
        Location.objects.update(address="Calle Mayor 1", phone="+34912345678")
        read_by = {"actor": StaffFactory(), "role": "staff"}
        AuditEvent.objects.record("read", Patient, Patient.objects.all(), **read_by)
        yield


@pytest.fixture
def no_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no filter query its choices: the sweep makes each of them thousands of times."""
    choices = [(1, "One"), (2, "Two")]
    monkeypatch.setattr(RelatedFieldListFilter, "field_choices", lambda *args: choices)


@of_every_model
def test_a_list_takes_no_parameter_but_those_that_its_links_have(
    superuser: User, model: type[Model], no_choices: None
) -> None:
    model_admin = admin.site.get_model_admin(model)
    for user in (superuser, viewer_of(model)):
        request = request_of(user)
        changelist = model_admin.get_changelist_instance(request)
        links = offered(changelist)
        tried = {*parameters(model), *links}
        assert {name for name in tried if is_taken(changelist, request, name)} == links


# --- The attack -----------------------------------------------------------------------------------


@pytest.fixture
def device(rows: None) -> TOTPDevice:
    """Return an authenticator app, whose key no page shows."""
    return TOTPDevice.objects.get()


def test_on_djangos_own_admin_the_attack_reads_the_key(superuser: User, device: TOTPDevice) -> None:
    """The control: the program is an attack, and reads 40 digits by 160 questions."""
    model_admin, asked = admin.ModelAdmin(TOTPDevice, AdminSite()), []

    def is_found(guess: str) -> bool:
        asked.append(guess)
        request = request_of(superuser, key__gte=guess)
        return bool(model_admin.get_changelist_instance(request).result_count)

    assert read_by_comparing(is_found, len(device.key)) == device.key
    assert len(asked) == 160


@pytest.mark.parametrize("more", [{}, {"_popup": "1", "_to_field": "id"}], ids=["list", "popup"])
def test_on_this_site_the_attack_reads_nothing(
    superuser: User, device: TOTPDevice, more: dict[str, str]
) -> None:
    admin_client, answers = AdminClient(superuser), set()

    def is_found(guess: str) -> bool:
        answer = admin_client.get(page(TOTPDevice), key__gte=guess, **more)
        answers.add((answer.status_code, shown(answer)))
        return device.name in answer.content.decode()

    assert read_by_comparing(is_found, 4) == "0000"
    assert [status for status, _ in answers] == [400], "the answers differ"


# Each: the model, a parameter, a value that is true of the row in `rows`, and one that is false.
QUESTIONS: list[tuple[type[Model], str, Any, Any]] = [
    (TOTPDevice, "key__regex", "^[0-9a-f]{40}$", "^z"),
    (TOTPDevice, "drift", 0, 9),
    (StaticDevice, "token_set__isnull", True, False),
    (AuthToken, "digest__gte", "0", "g"),
    (AuthToken, "token_key__gte", "0", "g"),
    (User, "password__startswith", "md5", "argon2"),
    (User, "auth_token_set__digest__gte", "0", "g"),
    (User, "totpdevice__key__gte", "0", "g"),
    (User, "patients__history__isnull", False, True),
    (AccessLog, "session_hash__startswith", "", "g"),
    (Patient, "emergency_accesses__isnull", False, True),
    (Patient, "history__description__icontains", "", "no such words"),
    (Patient, "user__email__startswith", "", "no such address"),
    (Slot, "appointments__isnull", False, True),
    (Slot, "hold_lapses_at__isnull", True, False),
    (Doctor, "user__isnull", True, False),
    (MedicalHistory, "patient__address__startswith", "", "no such address"),
    (Appointment, "booked_by__email__startswith", "", "no such address"),
]


@pytest.mark.parametrize(("model", "parameter", "true", "false"), QUESTIONS, ids=str)
def test_a_true_guess_and_a_false_one_have_the_same_answer(
    superuser: User, rows: None, model: type[Model], parameter: str, true: Any, false: Any
) -> None:
    counts = [
        model._default_manager.filter(**{parameter: guess}).count() for guess in (true, false)
    ]
    assert counts[0] != counts[1], "the question tells nothing"
    for user, more in ((superuser, {"_popup": "1"}), (viewer_of(model), {})):
        admin_client = AdminClient(user)
        answers = [
            admin_client.get(page(model), **{parameter: guess}, **more) for guess in (true, false)
        ]
        assert [answer.status_code for answer in answers] == [400, 400]
        assert len({shown(answer) for answer in answers}) == 1


# --- Search and order -----------------------------------------------------------------------------

SECRETS = {"key", "token", "token_key", "digest", "password", "session_hash"}
SECRETS |= {
    "secret",
    "previous_secret",
    "get_data",
    "post_data",
    "session_key",
    "session_data",
    "fingerprint",
}


WITH_NAMES: dict[type[Model], dict[str, Any]] = {
    AuditEvent: {"role": "staff", "patient_id__isnull": False}
}
# Searched columns that the rows of this module leave empty.
MAY_BE_EMPTY = {"location__name", "specialty__name", "specialties__name", "request_id"}


def test_no_list_searches_filters_or_sorts_by_a_secret(superuser: User) -> None:
    """A list sorts by its columns only; 99 is the number of none."""
    request = request_of(superuser)
    names: set[str] = set()
    for model in MODELS:
        model_admin = admin.site.get_model_admin(model)
        changelist = model_admin.get_changelist_instance(request)
        found = (*model_admin.get_search_fields(request), *offered(changelist))
        names.update(*(path.split("__") for path in found))
        for number in (*range(1, 30), 99):
            changelist.params = {"o": f"{number}.-{number}"}
            order = changelist.get_ordering(request, changelist.root_queryset)
            names.update(*(path.lstrip("-").split("__") for path in order))
    assert not names & SECRETS
    assert {"last_name", "starts_at"} <= names, "it looked at no list"


# Filters of the admin by what the page shows in a column of another name.
SHOWN_AS: dict[tuple[type[Model], str], str] = {
    (AuditEvent, "emergency"): "stands_out",
    (Appointment, "date"): "start",
    (AppointmentEvent, "at"): "local_time",
    (Schedule, "weekly_hours"): "made_from",
}


@of_every_model
def test_a_list_filters_by_what_its_pages_show(
    superuser: User, rows: None, model: type[Model]
) -> None:
    model_admin, request = admin.site.get_model_admin(model), request_of(superuser)
    changelist = model_admin.get_changelist_instance(request)
    row = model._default_manager.first()
    shown = {
        *flatten(model_admin.get_list_display(request)),
        *flatten_fieldsets(model_admin.get_fieldsets(request, row)),
    }
    specs = (spec for spec in changelist.filter_specs if isinstance(spec, SimpleListFilter))
    own = {PERIOD, *(spec.parameter_name for spec in specs)}  # name no column
    columns = {name.split("__")[0].removesuffix("_id") for name in offered(changelist) - own}
    names = {name.removesuffix("_id") for name in shown}
    assert {SHOWN_AS.get((model, name), name) for name in columns} <= names


@of_every_model
def test_a_list_searches_by_what_its_pages_show(rows: None, model: type[Model]) -> None:
    """Staff who may view this model alone find a row by nothing that its pages do not show them."""
    user, model_admin = viewer_of(model), admin.site.get_model_admin(model)
    text = AdminClient(user).get(page(model)).content.decode()
    row = model._default_manager.filter(**WITH_NAMES.get(model, {})).last()
    assert row is not None
    text = unescape(text + AdminClient(user).get(page(row, "change")).content.decode())
    for name in model_admin.get_search_fields(request_of(user)):
        path = name.removesuffix("__exact")
        for value in model._default_manager.filter(pk=row.pk).values_list(path, flat=True):
            asked = (path, value)
            assert value or path in MAY_BE_EMPTY, asked
            written = date_text(value) if isinstance(value, date) else str(value or "")
            written = f"{value:%H:%M}" if isinstance(value, time) else written
            assert written in text, asked


def test_the_secrets_are_those_of_the_models() -> None:
    columns = {field.name for model in apps.get_models() for field in model._meta.fields}
    assert columns >= SECRETS


# --- The API --------------------------------------------------------------------------------------

# Filters of the API by what the answer shows in another form.
SHOWN_OTHERWISE = {
    "date": "starts_at",
    "upcoming": "starts_at",
    "method:patient": "patient",
    "method:status": "state",
    "method:location": "id",  # the sessions of a doctor are public
    "specialties__name": "specialties",
    "last_name_key": "last_name",
    "first_name_key": "first_name",
}


def test_the_api_filters_and_sorts_by_what_it_shows() -> None:
    functions: list[Any] = [
        resolve(re.sub(r"{\w+}", "1", path.replace("{secret}", "1" * 43))).func
        for path in api_routes()
    ]
    filtered = {each.cls for each in functions if hasattr(each.cls, "filterset_class")}
    assert len(filtered) >= 9
    for view in filtered:
        shown = {field.source for field in view.serializer_class().fields.values()}
        names = filter_columns(view)
        assert names
        assert {SHOWN_OTHERWISE.get(name, name) for name in names - shown} <= shown, view


def filter_columns(view: Any) -> set[str]:
    """Return the columns that the query parameters of the view filter, sort or search by."""
    columns = set(getattr(view, "search_fields", ()))
    for name, each in view.filterset_class.base_filters.items():
        if isinstance(each, OrderingFilter):
            columns |= set(each.param_map)
        else:
            columns.add(f"method:{name}" if each.method else each.field_name)
    return columns
