"""The admin's own pages, where the desk sends staff: they fit, and staff can type at once."""

from django.conf import settings
from django.db.models import Model
from playwright.sync_api import expect

from accounts.models import AuditEvent, User
from appointment.models import Appointment, AppointmentEvent, WaitlistEntry, Webhook, WorkListItem
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.webhooks import make_webhook
from doctor.models import Doctor, Schedule, Slot, TimeOff, WeeklyHours
from doctor.tests.factories import ScheduleFactory, TimeOffFactory, WeeklyHoursFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import page as path_of
from tests.browser.conftest import Visit
from tests.browser.judge import assert_accessible, assert_fits

WIDER = "box => box.scrollWidth - box.clientWidth"
LISTS: dict[type[Model], str] = {
    Appointment: "Visits",
    WorkListItem: "Visits to rebook",
    AppointmentEvent: "Events of visits",
    WaitlistEntry: "Waitlist entries",
    Schedule: "Sessions",
    Slot: "Times",
    WeeklyHours: "Weekly hours",
    TimeOff: "Leave and closures",
    Doctor: "Doctors",
    Patient: "Patients",
    User: "Users",
    AuditEvent: "Audit events",
}


def long_rows() -> Appointment:
    """Make a row for each list, with names as long as they are in life; return the visit."""
    session = ScheduleFactory(
        date=day_ahead(3),
        location__name="Clínica del Retiro, Madrid",
        doctor__title="Dra.",
        doctor__first_name="Maximiliana Concepción",
        doctor__last_name="Fernández-Villaverde de la Torre",
    )
    patient = PatientFactory(
        first_name="María de los Ángeles",
        last_name="González de Echavarri Ruiz-Zorrilla",
        phone_number="+34612345678",
        user__email="mariadelosangelesgonzalezdeechavarri@universidad-complutense.example",
        user__last_name="González de Echavarri Ruiz-Zorrilla",
    )
    visit: Appointment = AppointmentFactory(patient=patient, slot=session.slots.first())
    visit.amend("Follow-up after the operation of the left knee, brings all pictures")
    TimeOffFactory(doctor=session.doctor, reason="Congress of the European Society of Cardiology")
    WaitlistEntryFactory(patient=patient, doctor=session.doctor)
    WeeklyHoursFactory(doctor=session.doctor, location=session.location, every_weeks=2)
    Appointment.objects.filter(pk=visit.pk).update(needs_rebooking=True)
    return visit


def test_the_lists_of_the_admin_fit_and_wait_for_a_search(visit: Visit, superuser: User) -> None:
    long_rows()
    page = visit(superuser, "/admin/records/")
    assert_accessible(page)
    for model, title in LISTS.items():
        page.goto(path_of(model))
        expect(page.locator("#content h1")).to_have_text(title)
        expect(page.locator("#searchbar")).to_be_focused()
        assert page.locator("#result_list tbody tr").count(), title
        assert page.locator(".results").evaluate(WIDER) <= 0, f"{title}: wider than its box"
        assert_fits(page)
        if model in (Appointment, Patient):  # the others are of the same template
            assert_accessible(page)


def test_a_long_action_does_not_push_a_list_sideways(visit: Visit, superuser: User) -> None:
    make_webhook()
    page = visit(superuser, path_of(Webhook), width=768)
    name = settings.LANGUAGE_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": "es", "url": page.url}])
    page.reload()
    expect(page.locator(".actions select")).to_contain_text("Enviar de nuevo todos los mensajes")
    assert_fits(page)


def test_the_forms_of_the_admin_begin_where_staff_type(visit: Visit, superuser: User) -> None:
    booked = long_rows()
    page = visit(superuser, path_of(Appointment, "add"))
    box = page.get_by_role("combobox", name="Patient")
    expect(box).to_be_focused()
    assert_accessible(page)
    page.keyboard.type("Echa")  # without a click: the closed box opens, and searches
    option = page.get_by_role("option", name="González de Echavarri")
    option.wait_for()
    page.keyboard.press("Enter")
    expect(box).to_contain_text("González de Echavarri")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#id_slot + .select2 .select2-selection")).to_be_focused()
    assert_accessible(page)
    page.goto(path_of(TimeOff, "add"))
    expect(page.get_by_role("combobox", name="Doctor")).to_be_focused()
    page.locator("#id_starts_0").press("Tab")
    page.get_by_role("link", name="Choose a Date").first.click()
    page.locator("#calendarbox0").get_by_role("link", name="15", exact=True).click()
    expect(page.locator("#id_starts_0")).to_have_value("2026-12-15")
    assert_accessible(page)
    page.goto(path_of(WorkListItem.objects.get(pk=booked.pk), "change"))
    expect(page.get_by_role("radio").first).to_be_focused()
    assert_accessible(page)
    page.goto(path_of(booked.doctor, "change"))
    expect(page.locator("#id_title")).to_be_focused()
    assert_accessible(page)
