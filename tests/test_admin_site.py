"""Which admin pages of each model a superuser, the reception, a viewer and others may open."""

from collections.abc import Iterator
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from knox.models import AuthToken

from accounts.models import AuditEvent, OutgoingMessage, User
from accounts.tests.factories import StaffFactory
from appointment.models import (
    Appointment,
    AppointmentEvent,
    CalendarFeed,
    Offer,
    WaitlistEntry,
    WebhookDelivery,
    WorkListItem,
)
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.webhooks import make_webhook
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
from doctor.tests.factories import (
    LanguageFactory,
    PublishedScheduleFactory,
    SiteStaffFactory,
    SpecialtyFactory,
    TimeOffFactory,
    WeeklyHoursFactory,
    day_ahead,
)
from patient.models import EmergencyAccess, MedicalHistory, Patient
from patient.tests.factories import MedicalHistoryFactory, PatientFactory
from tests.admin_client import AdminClient, page
from tests.people import reception_group
from tests.sample_data import rolled_back

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
OF_VERBS = {Slot, AppointmentEvent, Offer, OutgoingMessage, WebhookDelivery}
DEVICES = {TOTPDevice, StaticDevice}
NEVER_ADDED = {
    *OF_VERBS,
    AuditEvent,
    *DEVICES,
    WorkListItem,
    AuthToken,
    CalendarFeed,
    AccessAttempt,
    AccessLog,
    AccessFailureLog,
}
NEVER_CHANGED = {
    *OF_VERBS,
    *DEVICES,
    AuthToken,
    CalendarFeed,
    WaitlistEntry,
    AuditEvent,
    EmergencyAccess,
}
NEVER_DELETED = {*OF_VERBS, WorkListItem, AuditEvent, EmergencyAccess}
VIEW, WRITE = {"view"}, {"view", "add", "change"}
RECEPTION: dict[type[Model], set[str]] = {
    Patient: WRITE,
    EmergencyAccess: WRITE,  # they may end their own
    Appointment: WRITE,
    Schedule: WRITE,
    AppointmentEvent: VIEW,
    Slot: VIEW,
    WaitlistEntry: {"view", "add", "delete"},
    Offer: VIEW,
    OutgoingMessage: VIEW,
    TimeOff: {*WRITE, "delete"},
    WeeklyHours: VIEW,
    WorkListItem: {"view", "change"},
    Doctor: VIEW,
    Location: VIEW,
}
RECEPTIONIST = "front-desk@example.com"
of_every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)


@pytest.fixture(scope="module")
def rows(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[type[Model], Model]]:
    """Yield a row of every registered model, by model. All tests of the module share them."""
    with django_db_blocker.unblock(), rolled_back():
        make_rows()
        yield {model: model._default_manager.all()[0] for model in MODELS}


def make_rows() -> None:
    patient, staff = PatientFactory(), StaffFactory(email=RECEPTIONIST)
    staff.groups.add(reception_group())
    SiteStaffFactory()
    staff.user_permissions.add(permission(SiteStaff, "view_all_sites"))
    MedicalHistoryFactory(patient=patient)
    SpecialtyFactory()
    LanguageFactory()
    WeeklyHoursFactory(valid_until=day_ahead(1))
    PublishedScheduleFactory(doctor=WaitlistEntryFactory(patient=patient).doctor)  # makes an offer
    visit = AppointmentFactory(patient=patient)
    TimeOffFactory(doctor=visit.doctor)
    patient.user.issue_token()
    CalendarFeed.objects.make(patient.user, "patient")
    for device in DEVICES:
        device.objects.create(user=patient.user, name="Device")
    EmergencyAccess(patient=patient, user=staff, reason="Unconscious").begin(timezone.now())
    access = {"user_agent": "x", "ip_address": "192.0.2.1", "username": "y", "path_info": "/"}
    AccessLog.objects.create(**access)
    AccessFailureLog.objects.create(**access)
    AccessAttempt.objects.create(**access, failures_since_start=1)
    message = make_webhook().send_test()
    WebhookDelivery.objects.filter(pk=message.pk).update(visit=visit.pk)


@pytest.fixture
def staff(rows: dict[type[Model], Model]) -> User:
    """Return the receptionist among `rows`, who has emergency access to the patient there."""
    return User.objects.get(email=RECEPTIONIST)


def test_every_model_of_ours_is_registered() -> None:
    ours = {User, Specialty, Language, Location, Doctor, Schedule, Slot, Patient, MedicalHistory}
    assert {*ours, WeeklyHours, TimeOff, WorkListItem, Appointment, AppointmentEvent} <= set(MODELS)


def test_the_site_bears_the_name_of_the_clinic(superuser: User) -> None:
    front = AdminClient(superuser).get("/admin/records/")
    assert "Clinic appointments" in front.content.decode()
    assert front.status_code == 200


def listed_beside(admin_client: AdminClient, path: str) -> set[type[Model]]:
    """Return the models whose lists the sidebar of the page links to."""
    sidebar = admin_client.get(path).content.decode().partition('id="nav-sidebar"')[2]
    links = sidebar.partition("</nav>")[0]
    return {model for model in MODELS if f'href="{page(model)}"' in links}


def test_the_sidebar_lists_what_its_reader_may_view(superuser: User, staff: User) -> None:
    assert listed_beside(AdminClient(superuser), page(Location)) == set(MODELS)
    viewed = {model for model, may in RECEPTION.items() if "view" in may}
    assert listed_beside(AdminClient(staff), page(Location)) == viewed
    assert viewed < set(MODELS)


@pytest.mark.parametrize("path", ["/admin/desk/figures/", "/admin/doctor/language/add/?_popup=1"])
def test_a_page_without_a_sidebar_makes_no_list_of_models(
    path: str, superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list costs as much as a small page: a permission and three URLs for each model."""
    monkeypatch.setattr(admin.site, "_build_app_dict", lambda *args: 1 / 0)
    assert AdminClient(superuser).status(path) == 200


@of_every_model
def test_a_superuser_opens_every_page(
    superuser: User, rows: dict[type[Model], Model], model: type[Model]
) -> None:
    admin_client, row = AdminClient(superuser), rows[model]
    assert admin_client.status(page(model)) == 200
    assert admin_client.status(page(row, "change")) == 200
    assert admin_client.status(page(row, "history")) == 200
    assert admin_client.status(page(model, "add")) == (403 if model in NEVER_ADDED else 200)
    assert admin_client.status(page(row, "delete")) == (403 if model in NEVER_DELETED else 200)
    assert admin_client.status(f"/admin/{model._meta.app_label}/") == 200


@of_every_model
def test_fields_that_only_verbs_write_are_read_only_to_superusers_too(
    superuser: User, rows: dict[type[Model], Model], model: type[Model]
) -> None:
    refused = AdminClient(superuser).client.post(page(rows[model], "change"), {"anything": "1"})
    assert (refused.status_code == 403) is (model in NEVER_CHANGED)


@of_every_model
def test_the_reception_opens_what_its_group_says_and_nothing_else(
    staff: User, rows: dict[type[Model], Model], model: type[Model]
) -> None:
    admin_client, row, may = AdminClient(staff), rows[model], RECEPTION.get(model, set())
    assert admin_client.status(page(model)) == (200 if "view" in may else 403)
    assert admin_client.status(page(row, "change")) == (200 if "view" in may else 403)
    assert admin_client.status(page(model, "add")) == (200 if "add" in may else 403)
    assert admin_client.status(page(row, "delete")) == (200 if "delete" in may else 403)
    posted = admin_client.client.post(page(row, "change"), {"anything": "1"}).status_code
    assert (posted == 403) is ("change" not in may)


@of_every_model
def test_staff_without_permissions_open_no_page(
    rows: dict[type[Model], Model], model: type[Model]
) -> None:
    """tests/test_matrix.py asks for every page as people who are not staff."""
    without_permissions = AdminClient(StaffFactory())
    for path in (page(model), page(rows[model], "change")):
        assert without_permissions.status(path) == 403


@of_every_model
def test_a_viewer_can_send_nothing(
    superuser: User, rows: dict[type[Model], Model], model: type[Model]
) -> None:
    """A user with the view permission alone opens the page, but a POST to it is refused."""
    viewer = AdminClient(StaffFactory())
    grant(viewer, model, "view")
    assert viewer.status(page(rows[model], "change")) == 200
    assert viewer.client.post(page(rows[model], "change"), {}).status_code == 403


def grant(admin_client: AdminClient, model: type[Model], action: str) -> None:
    """Give the client's user one permission, at all sites."""
    user = User.objects.get(pk=admin_client.client.session["_auth_user_id"])
    user.user_permissions.add(
        permission(model, f"{action}_{model._meta.model_name}"),
        permission(SiteStaff, "view_all_sites"),
    )


def permission(model: type[Model], codename: str) -> Permission:
    """Return a permission of the model's app."""
    app = model._meta.app_label
    return Permission.objects.get(content_type__app_label=app, codename=codename)
