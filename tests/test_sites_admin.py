"""Staff of a site see in the admin nothing of another site: every model, every kind of page."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import Model

from accounts.models import AuditEvent, OutgoingMessage, User
from accounts.tests.factories import StaffFactory
from appointment.models import (
    Appointment,
    AppointmentEvent,
    Offer,
    WaitlistEntry,
    WorkListItem,
)
from doctor.models import (
    Doctor,
    Language,
    Location,
    Schedule,
    SiteStaff,
    Slot,
    Specialty,
    TimeOff,
    WeeklyHours,
)
from doctor.tests.factories import SiteStaffFactory
from extensions.admin.periods import ALL, PERIOD
from patient.models import EmergencyAccess, MedicalHistory, Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, page
from tests.matrix.callers import make_rows_of_the_site
from tests.matrix.rows import Change, stored
from tests.sample_data import SampleData, rolled_back

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
SHARED = {Doctor, Specialty, Language}  # the directory of all sites
OF_SITES = [
    Appointment,
    AppointmentEvent,
    EmergencyAccess,
    Location,
    MedicalHistory,
    Offer,
    OutgoingMessage,
    Patient,
    Schedule,
    SiteStaff,
    Slot,
    TimeOff,
    WaitlistEntry,
    WeeklyHours,
    WorkListItem,
]
WITHOUT_FORM = {
    AppointmentEvent,
    Offer,
    OutgoingMessage,
    Slot,
    WorkListItem,
    Location,
    SiteStaff,
}  # for new rows
WITH_ACTIONS = [model for model in OF_SITES if admin.site._registry[model].actions]
NAMES = ("Canaryana", "Sitio Canario", "Canarian note")  # of patient A, of a site of A, at A


class Clinics:
    """Two sites with a row of each model, and staff who have every permission at one of them.

    `restricted` works at the sites of B, `everywhere` has `view_all_sites`.
    """

    def __init__(self) -> None:
        self.of_a = SampleData.made()
        self.of_b = self.of_a.with_another(PatientFactory())
        name_rows_of(self.of_a)
        self.restricted, self.everywhere, self.unknown = (StaffFactory() for _ in range(3))
        every = Permission.objects.exclude(codename="view_all_sites")
        for user in (self.restricted, self.everywhere, self.unknown):
            user.user_permissions.set(every)
        self.everywhere.user_permissions.add(Permission.objects.get(codename="view_all_sites"))
        make_rows_of_the_site(self.of_a.accounts["owner"])
        for data, reason in ((self.of_a, "Canarian note"), (self.of_b, "Unconscious")):
            opened = {"patient": data.entry.patient, "reason": reason}
            EmergencyAccess(user=self.everywhere, **opened).begin()
        SiteStaffFactory(location=self.of_a.session.location)
        for location in self.of_b.locations():
            SiteStaffFactory(user=self.restricted, location=location)
        self.rows = self.of_a.admin_rows(), self.of_b.admin_rows()


def name_rows_of(data: SampleData) -> None:
    """Give the patient and the sites of these data names that no other row has."""
    Patient.objects.filter(user=data.entry.patient.user).update(last_name="Canaryana")
    for number, location in enumerate(data.locations()):
        Location.objects.filter(pk=location.pk).update(name=f"Sitio Canario {number}")
    data.entry.revise(notes="Canarian note")
    data.time_off.revise(reason="Canarian note")


@pytest.fixture(scope="module")
def clinics(django_db_setup: None, django_db_blocker: Any) -> Iterator[Clinics]:
    """Yield the two sites. All tests of the module share them."""
    logging.disable(logging.WARNING)
    with django_db_blocker.unblock(), rolled_back():
        yield Clinics()
    logging.disable(logging.NOTSET)


def of(models: Iterable[type[Model]]) -> Any:
    """Return the mark that runs a test once for each of these models."""
    return pytest.mark.parametrize("model", models, ids=lambda model: model._meta.label)


def keys_in_list(user: User, model: type[Model], **query: Any) -> Any:
    """Return the set of keys of the rows that the list shows, or its status if it is refused."""
    if admin.site.get_model_admin(model).date_hierarchy:
        query = {PERIOD: ALL, **query}
    answer = AdminClient(User.objects.get(pk=user.pk)).get(page(model), **query)
    if answer.status_code != 200:
        return int(answer.status_code)
    return {row.pk for row in answer.context["cl"].result_list}


def shown(answer: Any) -> list[str]:
    """Return the names of A's rows that the answer contains."""
    text = answer.content.decode()
    return [name for name in NAMES if name in text]


@of(MODELS)
def test_a_list_shows_the_rows_of_ones_own_sites(clinics: Clinics, model: type[Model]) -> None:
    of_a, of_b = clinics.rows
    listed = keys_in_list(clinics.restricted, model)
    if model in SHARED:
        assert listed == keys_in_list(clinics.everywhere, model)
    elif model not in OF_SITES:
        assert listed == 403
        assert keys_in_list(clinics.everywhere, model) != 403
    else:
        assert of_b[model].pk in listed
        assert of_a[model].pk not in listed
        assert {of_a[model].pk, of_b[model].pk} <= keys_in_list(clinics.everywhere, model)
        assert keys_in_list(clinics.unknown, model) in (set(), 403)


@of(MODELS)
def test_while_nobody_is_a_member_all_staff_see_every_site(
    clinics: Clinics, model: type[Model]
) -> None:
    of_a, of_b = clinics.rows
    with rolled_back():
        SiteStaff.objects.all().delete()
        listed = keys_in_list(clinics.restricted, model)
        assert listed != 403
        assert listed == keys_in_list(clinics.everywhere, model) or model is AuditEvent
        if model in OF_SITES and model is not SiteStaff:
            assert {of_a[model].pk, of_b[model].pk} <= listed


@of(OF_SITES)
def test_no_search_and_no_filter_leads_to_another_site(
    clinics: Clinics, model: type[Model]
) -> None:
    client = AdminClient(clinics.restricted)
    for query in ({}, {"q": "Canaryana"}, {"q": "Canario"}, {"o": "1"}):
        answer = client.get(page(model), **query)
        searched = [name for name in shown(answer) if name not in str(query)]
        assert searched == [], query
        if "q" in query:
            assert list(answer.context["cl"].result_list) == []


def test_the_times_of_a_doctor_are_those_of_ones_own_sites(clinics: Clinics) -> None:
    of_a, of_b = clinics.rows
    elsewhere: Any = of_a[Slot]
    here: Any = of_b[Slot]
    client = AdminClient(clinics.restricted)
    for slot, is_listed in ((elsewhere, False), (here, True)):
        query = {"doctor__id__exact": slot.doctor_id, PERIOD: ALL}
        assert (slot in client.get(page(Slot), **query).context["cl"].result_list) == is_listed


@of(OF_SITES)
def test_no_page_of_a_row_of_another_site_opens(clinics: Clinics, model: type[Model]) -> None:
    of_a, of_b = clinics.rows
    client = AdminClient(clinics.restricted)
    for view in ("change", "history", "delete"):
        for answer in (
            client.client.get(page(of_a[model], view)),
            client.client.post(page(of_a[model], view), {"post": "yes"}),
        ):
            assert answer.status_code == 403 or answer.headers["Location"] == "/admin/", view
    own = client.client.get(page(of_b[model], "change"))
    assert own.status_code == 200
    assert shown(own) == []


@of(WITH_ACTIONS)
def test_no_action_reaches_a_row_of_another_site(clinics: Clinics, model: type[Model]) -> None:
    of_a, _ = clinics.rows
    client, before = AdminClient(clinics.restricted), stored()
    for action in admin.site._registry[model].actions:
        client.act(action, of_a[model], post="yes")
    changed = Change(before, stored()).columns()
    assert changed <= {"+accounts.auditevent", "accounts.user.last_login"}


@of([model for model in OF_SITES if model not in WITHOUT_FORM])
def test_no_form_accepts_and_no_field_suggests_a_row_of_another_site(
    clinics: Clinics, model: type[Model]
) -> None:
    of_a, of_b = clinics.rows
    client = AdminClient(clinics.restricted)
    added = client.get(page(model, "add"))
    for name, field in added.context["adminform"].form.fields.items():
        related = getattr(field, "queryset", None)
        if related is None or related.model not in of_a:
            continue
        assert not related.filter(pk=of_a[related.model].pk).exists(), name
        assert related.filter(pk=of_b[related.model].pk).exists(), name
        if name in admin.site._registry[model].autocomplete_fields:
            found = [each["id"] for each in client.suggestions(model, name)]
            assert str(of_a[related.model].pk) not in found
    assert shown(added) == []


@of([model for model in (*OF_SITES, Doctor) if model not in WITHOUT_FORM])
def test_staff_without_a_site_add_nothing(clinics: Clinics, model: type[Model]) -> None:
    assert AdminClient(clinics.unknown).status(page(model, "add")) == 403


def test_the_front_page_shows_only_what_may_be_opened(clinics: Clinics) -> None:
    front = AdminClient(clinics.restricted).get("/admin/records/").content.decode()
    assert page(Patient) in front
    assert page(User) not in front
