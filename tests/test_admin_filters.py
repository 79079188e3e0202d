"""The lists of the admin accept what their links offer; the rest is refused by a page in words."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q
from django.http import Http404
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import OutgoingMessage, User
from accounts.site import ClinicAdminSite
from appointment.models import Appointment, WorkListItem
from doctor.models import Schedule, Slot
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, page
from tests.admin_oracle import autocompletes, columns, links, offered, registered, request_of
from tests.sample_data import rolled_back
from tests.test_admin_site import make_rows

pytestmark = pytest.mark.django_db
MODELS = registered()
of_every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
POPUP = {"_popup": "1"}
JUNK = ("a\0b", str(10**22))


@pytest.fixture(scope="module", autouse=True)
def rows(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Make a row of every registered model. All tests of the module share them."""
    with django_db_blocker.unblock(), rolled_back():
        make_rows()
        yield


# --- What is offered works ------------------------------------------------------------------------


@of_every_model
def test_every_link_on_a_list_opens_it(superuser: User, model: type[Model]) -> None:
    admin_client, model_admin = AdminClient(superuser), admin.site.get_model_admin(model)
    key = model._meta.pk.name
    for query in (
        {},
        {**POPUP, "_to_field": key, "_facets": "True", "all": "", "q": "a", "p": "1"},
    ):
        answer = admin_client.get(page(model), **query)
        assert answer.status_code == 200
        for link in links(answer.content.decode()):
            request = request_of(superuser, **parse_qs(link, keep_blank_values=True))
            model_admin.get_changelist_instance(request)  # raises an error if it refuses


@pytest.mark.both_databases
@of_every_model
def test_every_filter_of_a_list_is_usable_or_refused_whatever_its_value(
    superuser: User, model: type[Model]
) -> None:
    model_admin = admin.site.get_model_admin(model)
    changelist = model_admin.get_changelist_instance(request_of(superuser))
    for name in offered(changelist):
        for value in JUNK:
            request = request_of(superuser, **{name: value})
            answer = model_admin.changelist_view(request)
            assert answer.status_code in {200, 400}, (name, value)


def test_our_own_links_to_lists_open_them_and_no_other_is_declared(superuser: User) -> None:
    admin_client, found = AdminClient(superuser), set()
    for model in MODELS:
        row = model._default_manager.first()
        html = admin_client.get(page(row or model, "change")).content.decode()
        for path in map(unescape, re.findall(r'href="(/admin/\w+/\w+/\?[^"]+)"', html)):
            assert admin_client.status(path) == 200, path
            found.add((path.partition("?")[0], *parse_qs(path.partition("?")[2])))
    declared = {
        (page(model), name)
        for model in MODELS
        for name in admin.site.get_model_admin(model).link_filters  # type: ignore[attr-defined]
    }
    searches = {(page(Schedule), "doctor__id__exact"), (page(OutgoingMessage), "q")}
    assert found == declared | searches


def test_the_link_to_the_visits_of_a_patient_shows_these_only(superuser: User) -> None:
    visit = Appointment.objects.filter(patient__isnull=False).first()
    assert visit is not None
    for patient, count in ((visit.patient_id, visit.patient.appointments.count()), (0, 0)):
        listed = AdminClient(superuser).get(page(Appointment), patient__id__exact=patient)
        assert listed.context["cl"].result_count == count


def test_a_popup_may_limit_its_choices(superuser: User, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [{}, {"capacity__gte": 2}, Q(taken=0), lambda: {"kept_over": False}]
    monkeypatch.setattr(Slot._meta, "related_fkey_lookups", limits)
    admin_client = AdminClient(superuser)
    assert admin_client.status(page(Slot), capacity__gte="2", **POPUP) == 200
    assert admin_client.status(page(Slot), kept_over="0", **POPUP) == 200
    for refused in ({"capacity__gte": "3"}, {"capacity__gte": ["2", "3"]}, {"capacity__lte": "2"}):
        assert admin_client.status(page(Slot), **refused, **POPUP) == 400, refused
    assert admin_client.status(page(Slot), taken="0", **POPUP) == 400


def test_the_page_of_a_row_does_not_filter_by_the_query_of_the_list(superuser: User) -> None:
    device, admin_client = TOTPDevice.objects.get(), AdminClient(superuser)
    for guess in ("0", "g"):
        kept = {"_changelist_filters": f"key__gte={guess}"}
        assert admin_client.status(page(device, "change"), **kept) == 200
        listed = admin_client.get(page(TOTPDevice), **kept)
        assert listed.context["cl"].result_count == 1


# --- Autocomplete and popups ----------------------------------------------------------------------


def test_an_autocomplete_serves_the_fields_of_forms_and_no_other_relation(superuser: User) -> None:
    request = request_of(superuser)
    in_forms = {field for model in MODELS for field in autocompletes(model, request)}
    fields = {(model, name) for model in apps.get_models() for name in columns(model)}
    assert {field for field in fields if is_served(superuser, *field)} == in_forms
    assert (Appointment, "slot") in in_forms
    assert not is_served(superuser, WorkListItem, "slot"), "it has the field of Appointment"


def is_served(user: User, model: type[Model], name: str) -> bool:
    """Whether the admin answers the autocomplete of this field."""
    asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
    try:
        admin.site.autocomplete_view(request_of(user, **asked, field_name=name, term=""))
    except (PermissionDenied, Http404):
        return False
    return True


@of_every_model
def test_a_popup_chooses_rows_by_their_key_only(superuser: User, model: type[Model]) -> None:
    model_admin, request = admin.site.get_model_admin(model), request_of(superuser)
    names = {*columns(model), "nothing", ""}
    allowed = {name for name in names if model_admin.to_field_allowed(request, name)}
    assert allowed == {model._meta.pk.name}


# --- The refusal ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "query", "sentence", "names"),
    [
        (TOTPDevice, {"key__gte": "0"}, "cannot be filtered by", ["key__gte"]),
        (TOTPDevice, {"key__gte": "0", "drift": "1"}, "be filtered by", ["key__gte", "drift"]),
        (TOTPDevice, {"nothing": "1", "confirmed__exact": "1"}, "be filtered by", ["nothing"]),
        (User, {"patients__history__kind": "a"}, "be filtered by", ["patients__history__kind"]),
        (Appointment, {"date__year": "abc"}, "cannot use the value", ["date__year"]),
        (Appointment, {"doctor__id__exact": "abc"}, "cannot use", ["doctor__id__exact"]),
        (Appointment, {"_to_field": "reason"}, "cannot use the value", ["_to_field"]),
        (Patient, {"_to_field": "appointments"}, "cannot use the value", ["_to_field"]),
    ],
    ids=str,
)
def test_the_refusal_names_the_filters_and_links_to_the_list_without_them(
    superuser: User, model: type[Model], query: dict[str, str], sentence: str, names: list[str]
) -> None:
    answer = AdminClient(superuser).get(page(model), **query, q="Ana", **POPUP, e="1", p="3")
    html = answer.content.decode()
    assert answer.status_code == 400
    assert sentence in html
    assert re.findall("<li><code>(.*)</code>", html) == names
    link = re.search(rf'href="({page(model)}\?[^"]*)"', html)
    assert link is not None
    kept = parse_qs(unescape(link[1]).partition("?")[2])
    rest = {name: [value] for name, value in query.items() if name not in names}
    assert kept == {"q": ["Ana"], "_popup": ["1"], **rest}
    assert AdminClient(superuser).status(unescape(link[1])) == 200


def test_the_refusal_escapes_and_cuts_what_was_asked(superuser: User) -> None:
    html = AdminClient(superuser).get(page(Patient), **{"<b>" + "x" * 9999: "1"}).content.decode()
    assert "<b>x" not in html
    assert f"<li><code>&lt;b&gt;{'x' * 77}</code>" in html


def test_nobody_learns_without_the_permission_which_filters_a_list_has(staff: User) -> None:
    assert AdminClient(staff).status(page(TOTPDevice), key__gte="0") == 403


def test_a_page_number_past_the_last_leads_to_the_list(
    superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    PatientFactory.create_batch(2)
    monkeypatch.setattr(admin.site.get_model_admin(Patient), "list_per_page", 1)
    answer = AdminClient(superuser).get(page(Patient), p="99", is_dependent__exact="0")
    assert (answer.status_code, answer["Location"]) == (302, f"{page(Patient)}?e=1")


def test_an_action_on_a_list_with_a_made_up_filter_changes_nothing(superuser: User) -> None:
    device = TOTPDevice.objects.get()
    chosen = {"action": "delete_selected", "_selected_action": device.pk, "post": "yes"}
    answer = AdminClient(superuser).client.post(f"{page(TOTPDevice)}?key__gte=0", chosen)
    assert answer.status_code == 400
    assert TOTPDevice.objects.filter(pk=device.pk).exists()


# --- Every admin is one of these ------------------------------------------------------------------


def test_an_admin_without_these_rules_fails_the_system_check() -> None:
    assert [each for each in admin.site.check(None) if each.id == "accounts.E001"] == []
    site = ClinicAdminSite()
    site.register(TOTPDevice, admin.ModelAdmin)
    [error] = [each for each in site.check(None) if each.id == "accounts.E001"]
    assert "TOTPDevice" in error.msg
    with pytest.raises(NotRegistered):
        site.get_model_admin(Patient)
