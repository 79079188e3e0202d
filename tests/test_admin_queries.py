"""A page of the admin makes no more queries when it shows more rows."""

from collections.abc import Callable
from datetime import time
from itertools import product
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from knox.models import AuthToken

from accounts.models import AuditEvent, OutgoingMessage, User
from accounts.tests.factories import StaffFactory, UserFactory
from appointment.models import (
    Appointment,
    AppointmentEvent,
    CalendarFeed,
    Offer,
    WaitlistEntry,
    Webhook,
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
    DoctorFactory,
    LanguageFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    SpecialtyFactory,
    TimeOffFactory,
    WeeklyHoursFactory,
    day_ahead,
)
from patient.models import EmergencyAccess, MedicalHistory, Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory, PatientFactory
from tests.admin_client import AdminClient, page

pytestmark = pytest.mark.django_db


def made_access(model: type[Model]) -> Callable[[], Any]:
    def make() -> Any:
        number = model._default_manager.count()
        access = {"user_agent": str(number), "ip_address": "192.0.2.1", "path_info": f"/{number}"}
        counted = {"failures_since_start": 1} if model is AccessAttempt else {}
        return model._default_manager.create(**access, **counted)

    return make


def make_full_doctor() -> Doctor:
    doctor: Doctor = DoctorFactory(user=UserFactory())
    doctor.specialties.add(SpecialtyFactory())
    doctor.languages.add(LanguageFactory())
    return doctor


def make_appointment() -> Appointment:
    slot = Slot.objects.first() or ScheduleFactory(capacity=50).slots.first()
    appointment: Appointment = AppointmentFactory(slot=slot)
    return appointment


def make_offer() -> None:
    """Cancel a visit, so that its place is offered to a patient on the doctor's waitlist."""
    visit = AppointmentFactory(slot=ScheduleFactory(slot_minutes=None).slots.get())
    WaitlistEntryFactory(doctor=visit.doctor)
    visit.cancel()


def make_message() -> OutgoingMessage:
    """Queue a message about a visit of any number."""
    number, site = OutgoingMessage.objects.count(), LocationFactory()
    known: dict[str, Any] = {"kind": "booked", "object_id": number, "cause": number}
    return OutgoingMessage.objects.create(**known, location=site.pk, user=UserFactory())


def make_time_off() -> None:
    TimeOffFactory()
    TimeOffFactory(location=LocationFactory())


def make_flagged() -> Appointment:
    """Make a visit that leave of its doctor puts on the work list, and free slots a day later."""
    appointment: Appointment = AppointmentFactory()
    ScheduleFactory(doctor=appointment.doctor, date=day_ahead(4))
    TimeOffFactory(doctor=appointment.doctor)
    return appointment


def make_webhook_message() -> None:
    """Queue a message for a new webhook."""
    make_webhook(f"https://hook{Webhook.objects.count()}.example/").send_test()


def make_emergency() -> None:
    """Open emergency access to a new patient."""
    EmergencyAccess(patient=PatientFactory(), user=StaffFactory(), reason="Unconscious").begin()


MAKE: dict[type[Model], Callable[[], Any]] = {
    User: UserFactory,
    Group: lambda: Group.objects.create(name=f"Group {Group.objects.count()}"),
    AuthToken: lambda: UserFactory().issue_token(),
    CalendarFeed: lambda: CalendarFeed.objects.make(UserFactory(), "patient"),
    TOTPDevice: lambda: TOTPDevice.objects.create(user=UserFactory(), name="App"),
    StaticDevice: lambda: StaticDevice.objects.create(user=UserFactory(), name="Codes"),
    AccessAttempt: made_access(AccessAttempt),
    AccessLog: made_access(AccessLog),
    AccessFailureLog: made_access(AccessFailureLog),
    Specialty: SpecialtyFactory,
    Language: LanguageFactory,
    Location: LocationFactory,
    Doctor: make_full_doctor,
    SiteStaff: SiteStaffFactory,
    Schedule: ScheduleFactory,
    Slot: ScheduleFactory,
    WeeklyHours: WeeklyHoursFactory,
    TimeOff: make_time_off,
    WorkListItem: make_flagged,
    AuditEvent: lambda: AuditEvent.objects.record("read", User),
    EmergencyAccess: make_emergency,
    Patient: PatientFactory,
    MedicalHistory: MedicalHistoryFactory,
    Appointment: make_appointment,
    AppointmentEvent: make_appointment,
    WaitlistEntry: make_offer,
    Offer: make_offer,
    OutgoingMessage: make_message,
    Webhook: lambda: make_webhook(f"https://hook{Webhook.objects.count()}.example/"),
    WebhookDelivery: make_webhook_message,
}


def queries(admin_client: AdminClient, path: str, **query: Any) -> int:
    """Return the number of SQL statements of a GET that must answer 200."""
    with CaptureQueriesContext(connection) as captured:
        assert admin_client.status(path, **query) == 200
    return len(captured)


@pytest.mark.parametrize("model", MAKE, ids=lambda model: model._meta.label)
def test_a_list_of_5_takes_as_many_queries_as_one_of_1(superuser: User, model: type[Model]) -> None:
    admin_client = AdminClient(superuser)
    asked: tuple[dict[str, str], ...] = ({}, {"q": "a", "_facets": "True", "o": "-1"})
    MAKE[model]()
    queries(admin_client, page(model))  # fills the cache of content types
    one = [queries(admin_client, page(model), **query) for query in asked]
    for _ in range(4):
        MAKE[model]()
    assert [queries(admin_client, page(model), **query) for query in asked] == one


OF_SITES = [
    Location,
    Doctor,
    SiteStaff,
    Schedule,
    Slot,
    WeeklyHours,
    TimeOff,
    WorkListItem,
    EmergencyAccess,
    MedicalHistory,
    AppointmentEvent,
    WaitlistEntry,
    Offer,
    OutgoingMessage,
]


@pytest.mark.parametrize("model", OF_SITES, ids=lambda model: model._meta.label)
def test_a_list_for_staff_of_a_site_takes_as_many_queries_for_5_as_for_1(
    staff: User, model: type[Model]
) -> None:
    staff.user_permissions.set(Permission.objects.exclude(codename="view_all_sites"))
    admin_client = AdminClient(staff)

    def made(number: int) -> int:
        for _ in range(number):
            MAKE[model]()
        joined = Location.objects.exclude(staff__user=staff)
        SiteStaff.objects.bulk_create(SiteStaff(user=staff, location=site) for site in joined)
        return queries(admin_client, page(model), q="a")

    made(1)  # fills the cache of content types
    assert made(0) == made(4)


def test_every_registered_list_is_counted() -> None:
    assert set(MAKE) == set(admin.site._registry)


AUTOCOMPLETES = [
    (Patient, "user", UserFactory),
    (MedicalHistory, "patient", PatientFactory),
    (Schedule, "doctor", DoctorFactory),
    (Schedule, "location", LocationFactory),
    (WeeklyHours, "doctor", DoctorFactory),
    (WeeklyHours, "location", LocationFactory),
    (TimeOff, "doctor", DoctorFactory),
    (TimeOff, "location", LocationFactory),
    (SiteStaff, "user", StaffFactory),
    (SiteStaff, "location", LocationFactory),
    (Doctor, "specialties", SpecialtyFactory),
    (Doctor, "languages", LanguageFactory),
    (Appointment, "patient", PatientFactory),
    (Appointment, "slot", ScheduleFactory),
]


@pytest.mark.parametrize(("model", "field", "make"), AUTOCOMPLETES)
def test_choosing_from_5_takes_as_many_queries_as_from_1(
    superuser: User, model: type[Model], field: str, make: Any
) -> None:
    admin_client = AdminClient(superuser)
    make()
    asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name}
    one = queries(admin_client, "/admin/autocomplete/", **asked, field_name=field, term="")
    for _ in range(4):
        make()
    assert queries(admin_client, "/admin/autocomplete/", **asked, field_name=field, term="") == one


def growing_schedule() -> tuple[Schedule, Callable[[], None]]:
    schedule = ScheduleFactory(slot_minutes=60, end_time=time(10))
    return schedule, lambda: schedule.revise(end_time=time(15), slot_minutes=10, capacity=3)


def growing_hours() -> tuple[WeeklyHours, Callable[[], None]]:
    hours = WeeklyHoursFactory(valid_until=day_ahead(7))
    return hours, lambda: hours.revise(valid_until=None, capacity=3)


def growing_patient() -> tuple[Patient, Callable[[], None]]:
    patient = PatientFactory()
    MedicalHistoryFactory(patient=patient)
    DependentFactory(user=patient.user)
    AppointmentFactory(patient=patient)

    def grow() -> None:
        for day in range(5, 8):
            MedicalHistoryFactory(patient=patient)
            slot = ScheduleFactory(date=day_ahead(day)).slots.first()
            AppointmentFactory(patient=patient, slot=slot)
            DependentFactory(user=patient.user)

    return patient, grow


def growing_doctor() -> tuple[Doctor, Callable[[], None]]:
    doctor = make_full_doctor()

    def grow() -> None:
        doctor.specialties.add(*(SpecialtyFactory() for _ in range(3)))
        doctor.languages.add(*(LanguageFactory() for _ in range(3)))
        for days in range(1, 4):
            ScheduleFactory(doctor=doctor, date=day_ahead(days))

    return doctor, grow


def growing_slot() -> tuple[Slot, Callable[[], None]]:
    slot = ScheduleFactory(capacity=20).slots.first()
    AppointmentFactory(slot=slot)

    def grow() -> None:
        for _ in range(4):
            AppointmentFactory(slot=slot)

    return slot, grow


def growing_appointment() -> tuple[Appointment, Callable[[], None]]:
    appointment = AppointmentFactory()

    def grow() -> None:
        for number in range(4):
            appointment.amend(f"Reason {number}", by=UserFactory())

    return appointment, grow


GROWING = [
    growing_schedule,
    growing_hours,
    growing_patient,
    growing_doctor,
    growing_slot,
    growing_appointment,
]

PAGES = [
    (growing, view)
    for growing, view in product(GROWING, ("change", "delete"))
    if (growing, view) != (growing_slot, "delete")  # the admin deletes no slot
]


@pytest.mark.parametrize(("growing", "view"), PAGES)
def test_a_page_of_a_row_with_many_related_rows_takes_no_more_queries(
    superuser: User, growing: Any, view: str
) -> None:
    admin_client = AdminClient(superuser)
    row, grow = growing()
    queries(admin_client, page(row, view))
    little = queries(admin_client, page(row, view))
    grow()
    assert queries(admin_client, page(row, view)) == little
