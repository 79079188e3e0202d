"""Staff of a site see patients who have something there, and book for others by exact name."""

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.utils import timezone
from rest_framework.throttling import SimpleRateThrottle

from accounts.models import AuditEvent, User
from accounts.tests.factories import StaffFactory
from appointment.models import Appointment, WaitlistEntry
from appointment.models.site_patients import patients_for_staff
from appointment.named_search import named_in
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Doctor, Location
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    SpecialtyFactory,
    TimeOffFactory,
    day_ahead,
)
from patient.models import EmergencyAccess, MedicalHistory, Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory, PatientFactory
from tests.admin_client import AdminClient, form_errors, messages_of, page
from tests.test_admin_queries import queries

pytestmark = pytest.mark.django_db

BORN = date(1984, 12, 3)


@pytest.fixture
def stranger() -> Patient:
    """Return a patient with a visit at another site."""
    patient: Patient = PatientFactory(last_name="García López", date_of_birth=BORN)
    AppointmentFactory(patient=patient)
    return patient


@pytest.fixture
def admin_client(member: User) -> AdminClient:
    return AdminClient(member)


# --- Who has something at a site ------------------------------------------------------------------


def test_a_visit_of_any_status_and_time_makes_a_patient_one_of_the_site(
    member: User, here: Location, stranger: Patient
) -> None:
    coming = AppointmentFactory(slot=ScheduleFactory(location=here).slots.first())
    past = ScheduleFactory(location=here, date=day_ahead(-400)).slots.first()
    canceled = AppointmentFactory(slot=ScheduleFactory(location=here).slots.first())
    canceled.cancel()
    known = {coming.patient, AppointmentFactory(slot=past).patient, canceled.patient}
    PatientFactory()  # has nothing anywhere
    assert set(patients_for_staff(member)) == known


def test_an_entry_in_line_for_a_doctor_of_the_site_does_so_too(
    member: User, here: Location
) -> None:
    doctor, specialty = ScheduleFactory(location=here).doctor, SpecialtyFactory()
    doctor.specialties.add(specialty)
    by_doctor = WaitlistEntryFactory(doctor=doctor)
    by_specialty = WaitlistEntryFactory(doctor=None, specialty=specialty)
    WaitlistEntryFactory(doctor=ScheduleFactory().doctor)
    WaitlistEntryFactory(doctor=None, specialty=SpecialtyFactory())
    WaitlistEntryFactory(doctor=doctor, status="accepted")
    over = {"first_date": day_ahead(-9), "last_date": day_ahead(-3)}
    WaitlistEntryFactory(doctor=doctor, **over)
    assert set(WaitlistEntry.objects.at_sites_of(member)) == {by_doctor, by_specialty}
    assert set(patients_for_staff(member)) == {by_doctor.patient}


def test_who_waits_for_a_specialty_of_the_site_is_named_in_the_waitlist_alone(
    member: User, here: Location, stranger: Patient
) -> None:
    specialty = SpecialtyFactory()
    ScheduleFactory(location=here).doctor.specialties.add(specialty)
    WaitlistEntryFactory(patient=stranger, doctor=None, specialty=specialty)
    entry = MedicalHistoryFactory(patient=stranger)
    member.user_permissions.set(Permission.objects.exclude(codename="view_all_sites"))
    client = AdminClient(User.objects.get(pk=member.pk))
    assert stranger.last_name in client.get(page(WaitlistEntry)).content.decode()
    for model in (Patient, MedicalHistory):
        assert stranger.last_name not in client.get(page(model)).content.decode()
    assert [client.status(page(row, "change")) for row in (stranger, entry)] == [302, 302]


def test_staff_of_a_site_choose_no_specialty_of_a_doctor(member: User, here: Location) -> None:
    doctor, specialty = ScheduleFactory(location=here).doctor, SpecialtyFactory()
    member.user_permissions.set(Permission.objects.exclude(codename="view_all_sites"))
    client = AdminClient(User.objects.get(pk=member.pk))
    client.change(doctor, bio="Changed", specialties=[specialty.pk])
    typed = {"last_name": "New", "license_number": "n1", "specialties": [specialty.pk]}
    assert client.send(page(Doctor, "add"), typed).status_code == 200
    assert Doctor.objects.get(bio="Changed") == doctor
    assert Doctor.objects.filter(last_name="New").exists()
    assert not specialty.doctors.exists()


def test_others_are_found_by_last_name_and_birth_date_together(
    member: User, stranger: Patient
) -> None:
    PatientFactory(last_name="García López", date_of_birth=BORN + timedelta(days=1))
    PatientFactory(last_name="García", date_of_birth=BORN)
    assert patients_for_staff(member, "García López", BORN).get() == stranger
    assert patients_for_staff(member, " garcía lópez ", BORN).get() == stranger
    for given in ((None, BORN), ("García López", None), ("", BORN), ("Garc%", BORN), ("X", BORN)):
        assert not patients_for_staff(member, *given).exists()


def test_staff_without_a_site_find_nobody(stranger: Patient) -> None:
    SiteStaffFactory()
    unknown = StaffFactory()
    unknown.user_permissions.set(Permission.objects.exclude(codename="view_all_sites"))
    term = f"García López {BORN}"
    for model in (Appointment, WaitlistEntry, EmergencyAccess):
        assert AdminClient(unknown).suggestions(model, "patient", term) in ([], 403)
    assert not patients_for_staff(unknown, "García López", BORN).exists()


def test_staff_of_all_sites_have_every_patient(superuser: User, stranger: Patient) -> None:
    SiteStaffFactory()
    everybody = {stranger, PatientFactory()}
    assert set(patients_for_staff(superuser)) == everybody
    assert set(patients_for_staff(superuser, "García López", BORN)) == everybody


# --- Doctors without a session --------------------------------------------------------------------


@pytest.mark.parametrize("what", ["waits", "offered", "leave", "visit"])
def test_a_doctor_who_has_anything_anywhere_gets_no_first_session_from_staff_of_a_site(
    member: User, here: Location, client_of: Any, what: str
) -> None:
    doctor = DoctorFactory()
    assert doctor in Doctor.objects.for_calendar_of(member)
    if what == "leave":
        TimeOffFactory(doctor=doctor)
    elif what == "visit":
        Appointment.objects.filter(pk=AppointmentFactory().pk).update(doctor=doctor)
    else:
        WaitlistEntryFactory(doctor=doctor, status="waiting" if what == "waits" else what)
    typed = {"doctor": doctor.pk, "location": here.pk, "date": str(day_ahead(3))}
    typed |= {"start_time": "09:00", "end_time": "10:00", "slot_minutes": 30}
    assert client_of(member).post("/api/doctor/schedules/", typed).status_code == 400
    assert not doctor.schedules.exists()
    assert not patients_for_staff(member).exists()


# --- Booking in the admin -------------------------------------------------------------------------


def book(admin_client: AdminClient, patient: Patient, here: Location, days: int = 3) -> Any:
    slot = ScheduleFactory(location=here, date=day_ahead(days)).slots.first()
    typed = {"patient": patient.pk, "slot": slot.pk}
    return admin_client.send(page(Appointment, "add"), typed)


def test_staff_book_for_a_stranger_whom_they_name_exactly(
    admin_client: AdminClient, here: Location, stranger: Patient
) -> None:
    assert admin_client.suggestions(Appointment, "patient", "García") == []
    assert admin_client.suggestions(Appointment, "patient", f"García López {BORN}") == [
        {"id": str(stranger.pk), "text": str(stranger)}
    ]
    assert admin_client.get(page(stranger, "change")).status_code == 302  # nothing here yet
    assert messages_of(book(admin_client, stranger, here, days=4))
    assert stranger.appointments.filter(location=here).exists()
    assert admin_client.get(page(stranger, "change")).status_code == 200


def test_the_key_of_a_stranger_alone_books_nothing(
    admin_client: AdminClient, here: Location, stranger: Patient
) -> None:
    refused = form_errors(book(admin_client, stranger, here))
    absent = form_errors(book(admin_client, Patient(pk=987654), here, days=4))
    assert refused == absent
    assert "Select a valid choice" in refused[0]
    assert not stranger.appointments.filter(location=here).exists()


@pytest.mark.parametrize(
    "term", ["García López", "1984-12-03", "García 1984-12-03", "a 1984-13-03"]
)
def test_less_than_the_exact_name_finds_no_stranger(
    admin_client: AdminClient, stranger: Patient, term: str
) -> None:
    assert admin_client.suggestions(Appointment, "patient", term) == []


def test_a_key_in_the_url_shows_and_records_no_stranger(
    admin_client: AdminClient, stranger: Patient
) -> None:
    shown = admin_client.get(page(Appointment, "add"), patient=stranger.pk)
    assert stranger.last_name not in shown.content.decode()
    assert not AuditEvent.objects.filter(patient_id=stranger.pk).exists()


def test_a_slot_at_another_site_books_nothing(
    admin_client: AdminClient, here: Location, stranger: Patient
) -> None:
    known = AppointmentFactory(slot=ScheduleFactory(location=here).slots.first()).patient
    answer = book(admin_client, known, LocationFactory(), days=4)
    assert "Select a valid choice" in form_errors(answer)[0]


def test_staff_add_a_patient_and_book_for_them(admin_client: AdminClient, here: Location) -> None:
    typed = {"first_name": "Eva", "last_name": "Sol", "sex": "", "address": ""}
    forms = {"history-TOTAL_FORMS": 0, "history-INITIAL_FORMS": 0}
    without_date = admin_client.send(page(Patient, "add"), {**typed, **forms})
    assert form_errors(without_date) == ["This field is required."]
    added = admin_client.send(page(Patient, "add"), {**typed, **forms, "date_of_birth": BORN})
    assert "Last name and birth date find any patient" in messages_of(added)[0]
    eva = Patient.objects.get()
    assert admin_client.get(page(eva, "change")).status_code == 302  # nothing at any site yet
    book(admin_client, eva, here)
    assert eva.appointments.exists()


def test_the_new_patient_is_found_by_a_colleague(admin_client: AdminClient, here: Location) -> None:
    eva = PatientFactory(last_name="Sol", date_of_birth=BORN)
    found = admin_client.suggestions(Appointment, "patient", f"Sol {BORN}")
    assert [each["id"] for each in found] == [str(eva.pk)]


def test_an_emergency_opens_the_history_of_a_stranger_whom_they_name_exactly(
    admin_client: AdminClient, stranger: Patient
) -> None:
    typed = {"patient": stranger.pk, "reason": "Unconscious"}
    path = page(EmergencyAccess, "add")
    assert form_errors(admin_client.send(path, typed))
    assert admin_client.suggestions(EmergencyAccess, "patient", f"García López {BORN}")
    assert admin_client.send(path, typed).status_code == 200
    assert stranger.emergency_accesses.exists()


def test_no_new_entry_of_a_history_names_a_stranger(
    member: User, admin_client: AdminClient, stranger: Patient
) -> None:
    member.user_permissions.set(Permission.objects.exclude(codename="view_all_sites"))
    assert admin_client.suggestions(MedicalHistory, "patient", f"García López {BORN}") == []


# --- Searches by name are counted -----------------------------------------------------------------


def denied_searches(member: User) -> int:
    denied = {"outcome": "denied", "actor": member, "kind": "patient.patient", "action": "read"}
    return AuditEvent.objects.filter(**denied).count()


@time_machine.travel(timezone.now().replace(minute=30))  # a limit counts in hours of the clock
@pytest.mark.parametrize("limit", [{"named_search": "3/hour"}, {"named_search_daily": "3/day"}])
def test_searches_by_name_are_limited_and_those_that_find_nobody_are_recorded(
    admin_client: AdminClient, member: User, stranger: Patient, monkeypatch: Any, limit: Any
) -> None:
    rates = {**SimpleRateThrottle.THROTTLE_RATES, **limit}
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", rates)
    right = f"{stranger.last_name} {BORN}"
    for model in (Appointment, EmergencyAccess):
        assert admin_client.suggestions(model, "patient", f"García López {day_ahead(1)}") == []
    assert denied_searches(member) == 2
    assert admin_client.suggestions(WaitlistEntry, "patient", right)[0]["id"] == str(stranger.pk)
    assert denied_searches(member) == 2
    [reason] = admin_client.suggestions(Appointment, "patient", right)
    assert (reason["id"], reason["disabled"]) == ("", True)
    assert "Too many tries. Try again in" in reason["text"]
    assert denied_searches(member) == 3
    assert admin_client.suggestions(Appointment, "patient", "García") == [], "no name and date"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("García 24.4.51", "García 1951-04-24"), ("García 24.4.19", "García"), ("24.4.51", "García")],
)
def test_a_year_of_two_digits_names_a_birth_date_if_it_is_certain(typed: str, meant: str) -> None:
    assert named_in(typed) == named_in(meant)


def test_only_a_form_that_books_searches_by_name(
    member: User, admin_client: AdminClient, stranger: Patient
) -> None:
    term = f"{stranger.last_name} {BORN}"
    member.groups.clear()
    member.user_permissions.set(
        Permission.objects.filter(codename__in=("view_patient", "add_medicalhistory"))
    )
    for model in (Appointment, WaitlistEntry, EmergencyAccess, MedicalHistory):
        assert admin_client.suggestions(model, "patient", term) == []
    assert not admin_client.client.session.get("patients_found")


# --- What a page shows ----------------------------------------------------------------------------


def test_the_family_of_a_patient_is_shown_as_far_as_it_has_something_here(
    admin_client: AdminClient, here: Location
) -> None:
    known = AppointmentFactory(slot=ScheduleFactory(location=here).slots.first()).patient
    child = DependentFactory(user=known.user, last_name="Unseen")
    assert "Unseen" not in admin_client.get(page(known, "change")).content.decode()
    AppointmentFactory(patient=child, slot=ScheduleFactory(location=here).slots.first())
    assert "Unseen" in admin_client.get(page(known, "change")).content.decode()


def test_staff_of_a_site_erase_nobody(
    member: User, admin_client: AdminClient, here: Location
) -> None:
    known = AppointmentFactory(slot=ScheduleFactory(location=here).slots.first()).patient
    member.user_permissions.set(Permission.objects.exclude(codename="view_all_sites"))
    assert admin_client.status(page(known, "delete")) == 403
    admin_client.delete_all(known)
    assert Patient.objects.filter(pk=known.pk).exists()


def test_the_search_for_patients_takes_as_many_statements_for_8_as_for_1(
    admin_client: AdminClient, here: Location
) -> None:

    def make() -> None:
        AppointmentFactory(slot=ScheduleFactory(location=here).slots.first())

    def made() -> list[int]:
        asked = {"app_label": "appointment", "model_name": "appointment", "term": "a"}
        paths = (page(Patient), page(WaitlistEntry), page(Appointment))
        found = [queries(admin_client, path, q="a") for path in paths]
        return [
            *found,
            queries(admin_client, "/admin/autocomplete/", **asked, field_name="patient"),
        ]

    make()
    made()
    few = made()
    for _ in range(7):
        make()
    assert made() == few


def test_a_new_patient_is_compared_with_those_of_the_site_alone(
    admin_client: AdminClient, stranger: Patient, here: Location
) -> None:
    typed = {"first_name": stranger.first_name, "last_name": "GARCIA lopez", "date_of_birth": BORN}
    admin_client.send(page(Patient, "add"), typed)
    assert Patient.objects.filter(last_name="GARCIA lopez").exists()
    session = ScheduleFactory(location=here, date=day_ahead(4))
    AppointmentFactory(patient=stranger, slot=session.slots.first())
    asked = admin_client.send(page(Patient, "add"), typed)
    assert "may be there already" in asked.content.decode()


def test_staff_name_a_patient_without_accents_and_with_any_form_of_the_date(
    member: User, stranger: Patient
) -> None:
    for last_name in ("garcia lopez", "GARCÍA  LÓPEZ"):
        assert list(patients_for_staff(member, last_name, BORN)) == [stranger]
    assert not patients_for_staff(member, "garcia", BORN).exists()
