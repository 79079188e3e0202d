"""Staff of a site change visits, leave and the work list of their sites, in API and admin."""

from datetime import time
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from accounts.models import User
from appointment.models import Appointment, Offer, WaitlistEntry, WorkListItem
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Doctor, Location, Schedule, Slot, TimeOff
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    TimeOffFactory,
    day_ahead,
)
from patient.models import Patient
from tests.admin_client import AdminClient, form_errors, page
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db

WORK_LIST = "/api/appointment/rebooking/"


@pytest.fixture
def there() -> Location:
    location: Location = LocationFactory(name="Sitio Canario")
    return location


@pytest.fixture
def client(member: User, client_of) -> APIClient:
    return client_of(member)


@pytest.fixture
def shared(here: Location, there: Location) -> Doctor:
    """Return a doctor with a session at each of the two sites, and nobody's visits."""
    doctor: Doctor = DoctorFactory()
    for location, start in ((here, time(9)), (there, time(14))):
        times = {"start_time": start, "end_time": time(start.hour + 2)}
        ScheduleFactory(doctor=doctor, location=location, **times)
        ScheduleFactory(doctor=doctor, location=location, date=day_ahead(6), **times)
    return doctor


def visit_at(location: Location, doctor: Doctor) -> Appointment:
    slots = Slot.objects.filter(location=location, doctor=doctor).order_by("starts_at")
    visit: Appointment = AppointmentFactory(slot=slots.first())
    return visit


def away(doctor: Doctor) -> dict[str, Any]:
    day = day_ahead()
    span = {"starts_at": f"{day}T00:00:00Z", "ends_at": f"{day}T23:59:00Z"}
    return {"doctor": doctor.pk, "location": None, "reason": "Ill", **span}


# --- The work list --------------------------------------------------------------------------------


def test_the_work_list_holds_visits_and_times_of_the_own_sites(
    client: APIClient, member: User, shared: Doctor, here: Location, there: Location
) -> None:
    own, foreign = visit_at(here, shared), visit_at(there, shared)
    TimeOffFactory(doctor=shared)
    [item] = client.get(WORK_LIST).json()["results"]
    assert item["id"] == own.pk
    assert {slot["location"] for slot in item["alternatives"]} == {here.pk}
    assert client.post(f"{WORK_LIST}{foreign.pk}/cancel/").status_code == 404
    admin_client = AdminClient(member)
    assert "Sitio Canario" not in admin_client.get(page(WorkListItem)).content.decode()
    opened = admin_client.get(page(WorkListItem.objects.get(pk=own.pk), "change"))
    assert "Sitio Canario" not in opened.content.decode()
    field = opened.context["adminform"].form.fields["other_slot"]
    assert {slot.location for slot in field.queryset} == {here}


def test_both_ends_of_a_move_are_at_the_own_sites(
    client: APIClient, member: User, shared: Doctor, here: Location, there: Location
) -> None:
    own, foreign = visit_at(here, shared), visit_at(there, shared)
    TimeOffFactory(doctor=shared)
    to_here, to_there = (
        Slot.objects.filter(location=location, schedule__date=day_ahead(6)).first()
        for location in (here, there)
    )
    path = f"{WORK_LIST}{own.pk}/move/"
    absent = client.post(path, {"slot_id": 987654}).json()
    assert client.post(path, {"slot_id": to_there.pk}).json() == absent
    for visit, slot in ((own, to_there), (foreign, to_here)):
        with pytest.raises(Slot.DoesNotExist):
            visit.reschedule(to=slot, by=member)
        assert_balanced(slot)
        assert_balanced(visit.slot)
    assert client.post(path, {"slot_id": to_here.pk}).status_code == 200


def test_the_alternatives_to_a_full_time_are_at_the_own_sites(
    client: APIClient, shared: Doctor, here: Location
) -> None:
    own = visit_at(here, shared)
    TimeOffFactory(doctor=shared)
    full = Slot.objects.filter(location=here, schedule__date=day_ahead(6)).last()
    AppointmentFactory(slot=full)
    answer = client.post(f"{WORK_LIST}{own.pk}/move/", {"slot_id": full.pk})
    assert answer.json()["code"] == "slot_full"
    assert {slot["location"] for slot in answer.json()["alternatives"]} == {here.pk}


def test_staff_book_for_others_at_the_own_sites_only(
    member: User, shared: Doctor, there: Location, patient: Patient
) -> None:
    slot = Slot.objects.filter(location=there).first()
    with pytest.raises(Slot.DoesNotExist):
        Appointment(patient=patient, slot=slot, booked_by=member).book()
    assert_balanced(slot)


# --- Staff who are patients themselves ------------------------------------------------------------


def test_staff_who_are_patients_of_another_site_keep_what_is_their_own(
    client: APIClient, member: User, shared: Doctor, here: Location, there: Location
) -> None:
    slot = Slot.objects.filter(location=there, schedule__date=day_ahead(6)).first()
    booked = client.post(f"/api/appointment/book/{shared.pk}/", {"slot_id": slot.pk})
    assert booked.status_code == 201
    pk = booked.json()["id"]
    other = Slot.objects.filter(location=there, schedule__date=day_ahead(6)).last()
    moved = client.post(f"/api/appointment/reschedule/{pk}/", {"slot_id": other.pk})
    assert moved.status_code == 200
    assert client.post(f"/api/appointment/check-in/{pk}/").status_code == 403
    assert client.post(f"/api/appointment/cancel/{pk}/").status_code == 200


def test_a_doctor_who_is_staff_of_another_site_has_the_rights_of_a_doctor(
    member: User, client_of, there: Location
) -> None:
    doctor = DoctorFactory(user=member)
    times = {"start_time": time(0), "end_time": time(23, 59), "slot_minutes": None}
    session = ScheduleFactory(doctor=doctor, location=there, date=there.today(), **times)
    visit = AppointmentFactory(slot=session.slots.get())
    client = client_of(member)
    assert client.post(f"/api/appointment/complete/{visit.pk}/").status_code == 200
    assert client.post(f"/api/appointment/no-show/{visit.pk}/").status_code == 409


# --- Leave ----------------------------------------------------------------------------------------


def test_leave_is_seen_and_entered_at_each_site_of_the_doctor(
    client: APIClient, shared: Doctor, there: Location
) -> None:
    stranger = ScheduleFactory(location=there).doctor
    leave, _, _ = (
        TimeOffFactory(doctor=shared),
        TimeOffFactory(doctor=stranger),
        TimeOffFactory(location=there),
    )
    assert [row["id"] for row in client.get("/api/doctor/time-off/").json()["results"]] == [
        leave.pk
    ]
    assert client.post("/api/doctor/time-off/", away(shared)).status_code == 201
    assert client.post("/api/doctor/time-off/", away(stranger)).status_code == 400
    closed = {**away(shared), "doctor": None, "location": there.pk}
    assert client.post("/api/doctor/time-off/", closed).status_code == 400


def test_a_preview_shows_the_visits_of_the_own_sites(
    client: APIClient, member: User, shared: Doctor, here: Location, there: Location
) -> None:
    own, _ = visit_at(here, shared), visit_at(there, shared)
    answer = client.post("/api/doctor/time-off/?preview=true", away(shared)).json()
    assert [each["appointment"]["id"] for each in answer["appointments"]] == [own.pk]
    assert {slot["location"] for slot in answer["appointments"][0]["alternatives"]} == {here.pk}
    typed = {"doctor": shared.pk, "clock": here.pk, "reason": ""}
    day = {"starts_0": day_ahead(), "starts_1": "00:00", "ends_0": day_ahead(4), "ends_1": "00:00"}
    shown = AdminClient(member).send(page(TimeOff, "add"), {**typed, **day})
    text = shown.content.decode()
    assert "1 visit would have to be moved" in text
    assert "Visits at other sites, if there are any, go to the work list" in text
    assert "Sitio Canario" not in text


def test_leave_is_shown_on_a_clock_of_the_own_sites(
    member: User, shared: Doctor, here: Location, there: Location
) -> None:
    leave = TimeOffFactory(doctor=shared)
    ScheduleFactory(doctor=shared, location=there, date=day_ahead(9))
    admin_client = AdminClient(member)
    form = admin_client.get(page(leave, "change")).context["adminform"].form
    assert form.initial["clock"] == here.pk
    assert [str(label) for _, label in form.fields["clock"].choices][1:] == [str(here)]
    assert admin_client.change(leave, reason="Ill").status_code == 200
    assert TimeOff.objects.get().reason == "Ill"


# --- The waitlist ---------------------------------------------------------------------------------


def test_an_offer_at_another_site_is_not_shown(
    member: User, shared: Doctor, there: Location
) -> None:
    Slot.objects.exclude(location=there).update(is_open=False)
    visit = visit_at(there, shared)
    for slot in Slot.objects.filter(location=there, taken=0):
        AppointmentFactory(slot=slot)
    entry = WaitlistEntryFactory(doctor=shared)
    visit.cancel()
    assert Offer.objects.filter(entry=entry).exists()
    admin_client = AdminClient(member)
    assert list(admin_client.get(page(Offer)).context["cl"].result_list) == []
    [shown] = admin_client.get(page(WaitlistEntry)).context["cl"].result_list
    assert shown.pk == entry.pk
    assert shown.acceptable_offers == []


def test_a_new_entry_waits_for_a_doctor_or_specialty_of_the_own_sites(
    member: User, shared: Doctor, here: Location
) -> None:
    known, stranger = visit_at(here, shared).patient, ScheduleFactory().doctor
    admin_client = AdminClient(member)
    typed = {"patient": known.pk, "first_date": day_ahead(20), "last_date": day_ahead(30)}
    path = page(WaitlistEntry, "add")
    refused = admin_client.send(path, {**typed, "doctor": stranger.pk})
    assert "Select a valid choice" in form_errors(refused)[0]
    admin_client.send(path, {**typed, "doctor": shared.pk})
    assert WaitlistEntry.objects.get().doctor == shared


# --- Choices --------------------------------------------------------------------------------------


def test_filters_name_the_own_sites_only(
    member: User, shared: Doctor, here: Location, there: Location
) -> None:
    second = SiteStaffFactory(user=member).location
    admin_client = AdminClient(member)
    for model in (Schedule, Slot, TimeOff, Appointment, WorkListItem):
        text = admin_client.get(page(model)).content.decode()
        assert "Sitio Canario" not in text, model
        assert f"location__id__exact={here.pk}" in text, model
        assert f"location__id__exact={second.pk}" in text, model
        assert admin_client.status(page(model), location__id__exact=there.pk) == 200


def test_a_session_of_an_own_doctor_is_edited_after_the_doctor_has_left(
    member: User, here: Location, there: Location
) -> None:
    member.user_permissions.set(Permission.objects.exclude(codename="view_all_sites"))
    past = ScheduleFactory(location=here, date=day_ahead(-9))
    ScheduleFactory(doctor=past.doctor, location=there)
    AdminClient(User.objects.get(pk=member.pk)).change(past, capacity=2)
    assert Schedule.objects.get(pk=past.pk).capacity == 2
