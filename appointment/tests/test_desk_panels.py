"""The panels of the day page that book: a walk-in, a squeeze-in, a free time."""

from datetime import time, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import AuditEvent, User
from appointment.exceptions import InvalidTransition
from appointment.models import Appointment, AppointmentEvent
from appointment.tests.factories import AppointmentFactory
from doctor.models import Location, Slot
from doctor.tests.factories import LocationFactory, ScheduleFactory, SiteStaffFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db
WALK_IN, SQUEEZE_IN, FREE = (f"/admin/desk/{name}/" for name in ("walk-in", "squeeze-in", "free"))


@pytest.fixture
def desk(staff: User) -> Client:
    """Return the browser of the reception, whose script asks for parts of pages."""
    client = Client(headers={"hx-request": "true"})
    client.force_login(staff)
    return client


@pytest.fixture
def person() -> Patient:
    """Return a person without an account."""
    found: Patient = PatientFactory(user=None, first_name="Maria")
    return found


@pytest.fixture
def today() -> list[Slot]:
    """Return four times of one place today."""
    session = ScheduleFactory(date=day_ahead(0), start_time=time(9), end_time=time(11))
    return list(session.slots.order_by("starts_at"))


def under_way(slot: Slot) -> Any:
    return time_machine.travel(slot.starts_at + timedelta(minutes=5), tick=False)


def column(slot: Slot, **more: Any) -> dict[str, Any]:
    return {"doctor": slot.doctor_id, "location": slot.location_id, **more}


def said(answer: Any) -> str:
    """Return the sentence of an action."""
    sentence: str = answer.context["said"].text
    return sentence


def test_a_walk_in_is_booked_now_and_checked_in(
    desk: Client, staff: User, person: Patient, today: list[Slot]
) -> None:
    with under_way(today[0]):
        panel = desk.get(WALK_IN, column(today[0], patient=person.pk)).content.decode()
        assert f'value="{today[0].pk}" autofocus>Now, 09:00</button>' in panel
        answer = desk.post(WALK_IN, column(today[0], patient=person.pk, time=today[0].pk))
    visit = Appointment.objects.get()
    assert (visit.slot, visit.patient, visit.booked_by) == (today[0], person, staff)
    assert visit.checked_in_at is not None
    assert said(answer).startswith(f"{person.name} is booked and checked in: Dr. Elena García")
    assert "desk-changed" in answer["HX-Trigger"]
    events = AppointmentEvent.objects.order_by("pk").values_list("kind", "override_reason")
    assert list(events) == [("booked", "Walk-in"), ("checked_in", "")]
    assert_balanced(today[0])


@pytest.mark.both_databases
def test_a_walk_in_that_cannot_be_checked_in_books_nothing(staff: User, person: Patient) -> None:
    later = ScheduleFactory(date=day_ahead(2)).slots.earliest("starts_at")
    visit = Appointment(patient=person, slot=later, booked_by=staff)
    with pytest.raises(InvalidTransition):
        visit.walk_in()
    assert not Appointment.objects.exists()
    assert_balanced(later)


def test_a_walk_in_is_squeezed_into_the_full_present_time_or_takes_the_next_free_one(
    desk: Client, person: Patient, today: list[Slot]
) -> None:
    AppointmentFactory(slot=today[0])
    with under_way(today[0]):
        panel = desk.get(WALK_IN, column(today[0])).content.decode()
        assert f'value="{today[0].pk} squeeze">Squeeze in now, 09:00 (full)</button>' in panel
        assert f'value="{today[1].pk}">Next free time, 09:30</button>' in panel
        full = column(today[0], patient=person.pk, time=today[0].pk)
        assert "No place is left" in said(desk.post(WALK_IN, full))
        desk.post(WALK_IN, {**full, "time": f"{today[0].pk} squeeze", "because": "A burn"})
    visit = person.appointments.get()
    assert (visit.slot, visit.checked_in_at is not None) == (today[0], True)
    assert visit.events.get(kind="booked").override_reason == "A burn"
    assert_balanced(today[0])


def test_a_new_person_walks_in_with_one_form(desk: Client, today: list[Slot]) -> None:
    Location.objects.update(country="ES")
    typed = {"first_name": "Nora", "last_name": "Ibarra", "phone_number": "612 345 678"}
    with under_way(today[0]):
        opened = desk.get(WALK_IN, column(today[0], new=1, q="Nora Ibarra 17 May 1990"))
        assert 'value="Ibarra"' in opened.content.decode()
        desk.post(WALK_IN, column(today[0], time=today[0].pk, date_of_birth="17/5/1990", **typed))
    nora = Appointment.objects.get().patient
    assert nora is not None
    assert (nora.name, str(nora.date_of_birth)) == ("Nora Ibarra", "1990-05-17")
    assert nora.phone_number == "+34612345678"


def test_a_refused_walk_in_saves_no_person(desk: Client, today: list[Slot]) -> None:
    AppointmentFactory(slot=today[0])
    with under_way(today[0]):
        answer = desk.post(
            WALK_IN, column(today[0], time=today[0].pk, first_name="Nora", last_name="Ibarra")
        )
    assert answer.context["said"].refused
    assert 'value="Ibarra"' in answer.content.decode()
    assert not Patient.objects.filter(last_name="Ibarra").exists()


def test_a_person_who_may_be_there_already_is_asked_about_before_the_booking(
    desk: Client, today: list[Slot]
) -> None:
    born = {"date_of_birth": "1990-05-17"}
    known = PatientFactory(user=None, first_name="Nora", last_name="Ibarra", **born)
    form = column(today[1], first_name="nora", last_name="IBARRA", **born)
    with under_way(today[0]):
        asked = desk.post(WALK_IN, {**form, "time": today[1].pk})
        assert not Appointment.objects.exists()
        page = asked.content.decode()
        assert f'name="same" value="{known.pk} {today[1].pk}"' in page
        assert f'name="another" value="{known.pk} {today[1].pk}"' in page
        desk.post(WALK_IN, {**form, "same": f"{known.pk} {today[1].pk}"})
        desk.post(WALK_IN, {**form, "another": f"{known.pk} {today[2].pk}"})
    visits = Appointment.objects.order_by("starts_at")
    assert [visit.patient == known for visit in visits] == [True, False]


def test_a_full_time_takes_one_more_with_a_reason(
    desk: Client, person: Patient, today: list[Slot]
) -> None:
    AppointmentFactory(slot=today[3])
    form = {"slot": today[3].pk, "patient": person.pk}
    with under_way(today[0]):
        page = desk.get(SQUEEZE_IN, form).content.decode()
        assert f'value="{today[3].pk} squeeze" autofocus>Squeeze in at 10:30</button>' in page
        press = {**form, "time": f"{today[3].pk} squeeze"}
        assert "give the reason" in said(desk.post(SQUEEZE_IN, press))
        answer = desk.post(SQUEEZE_IN, {**press, "because": "A burn"})
    assert "is booked: Dr. Elena García" in said(answer)
    assert person.appointments.get().checked_in_at is None
    assert_balanced(today[3])


def test_a_free_time_of_the_grid_is_booked_and_says_why_a_person_cannot_have_it(
    desk: Client, person: Patient, today: list[Slot]
) -> None:
    form = {"slot": today[2].pk, "patient": person.pk}
    other = ScheduleFactory(date=day_ahead(0), start_time=time(10)).slots.earliest("starts_at")
    with under_way(today[0]):
        assert ">Book 10:00</button>" in desk.get(FREE, form).content.decode()
        answer = desk.post(FREE, {**form, "time": today[2].pk, "reason": "Cough"})
        assert "10:00 CET" in said(answer)
        overlaps = desk.get(FREE, {"slot": other.pk, "patient": person.pk}).content.decode()
        begun = desk.get(FREE, {"slot": today[0].pk, "patient": person.pk}).content.decode()
    assert person.appointments.get().reason == "Cough"
    assert "another visit at that time" in overlaps
    assert "</button>" not in overlaps.partition('id="times-part"')[2]
    assert ">Book 09:00 anyway</button>" in begun
    assert 'name="because"' in begun


def test_panels_open_only_what_is_of_the_users_sites(
    desk: Client, staff: User, person: Patient, today: list[Slot]
) -> None:
    for path, form in ((WALK_IN, column(today[0])), (FREE, {"slot": today[0].pk})):
        for name in form:
            for made_up in (10**22, "x", "0", "\0", "99999"):
                assert desk.get(path, {**form, name: made_up}).status_code == 404
        assert desk.get(path, {**form, "patient": 10**17}).status_code == 404
        sent = {**form, "patient": person.pk, "time": 10**17}
        assert "not there any more" in said(desk.post(path, sent))
        assert desk.post(path, sent, headers={"hx-request": ""}).status_code == 404
    SiteStaffFactory(user=staff, location=LocationFactory())
    assert desk.get(FREE, {"slot": today[0].pk}).status_code == 404
    assert desk.get(WALK_IN, column(today[0])).status_code == 404
    mine = ScheduleFactory(location=staff.site_memberships.get().location).slots.first()
    own = {"slot": mine.pk, "time": mine.pk}
    assert desk.get(FREE, {"slot": mine.pk}).status_code == 200
    assert desk.get(FREE, {"slot": mine.pk, "patient": person.pk}).status_code == 404
    assert "not there any more" in said(desk.post(FREE, {**own, "patient": person.pk}))
    assert not Appointment.objects.exists()


def test_walking_in_needs_the_right_to_check_in(
    desk: Client, staff: User, today: list[Slot]
) -> None:
    group = staff.groups.get()
    group.permissions.remove(Permission.objects.get(codename="change_appointment"))
    assert desk.get(WALK_IN, column(today[0])).status_code == 403
    assert desk.post(WALK_IN, column(today[0], time=today[0].pk)).status_code == 403
    assert desk.get(FREE, {"slot": today[0].pk}).status_code == 200


def test_a_chosen_person_is_recorded_once_and_a_search_once(
    desk: Client, person: Patient, today: list[Slot]
) -> None:
    desk.get(FREE, {"slot": today[0].pk})
    found = desk.get(FREE, {"slot": today[0].pk, "fragment": "people", "q": person.last_name})
    assert person.name in found.content.decode()
    desk.get(FREE, {"slot": today[0].pk, "patient": person.pk})
    recorded = AuditEvent.objects.order_by("pk").values_list("kind", "action", "patient_id")
    assert list(recorded) == [
        ("desk.search", "read", None),
        ("patient.patient", "read", person.pk),
    ]


def test_the_statements_of_a_panel_do_not_grow_with_times_and_visits(
    desk: Client, person: Patient, today: list[Slot]
) -> None:
    asked = column(today[0], patient=person.pk)
    with under_way(today[0]):
        desk.get(WALK_IN, asked)
        with counted_statements() as few:
            desk.get(WALK_IN, asked)
        AppointmentFactory(slot=today[0])
        ScheduleFactory(
            doctor=today[0].doctor,
            location=today[0].location,
            date=day_ahead(0),
            start_time=time(12),
            end_time=time(14),
            slot_minutes=5,
        )
        for days in (5, 6):
            AppointmentFactory(
                patient=person, slot=ScheduleFactory(date=day_ahead(days)).slots.first()
            )
        with counted_statements() as many:
            desk.get(WALK_IN, asked)
    assert len(many) == len(few) <= 14


def test_a_walk_in_entered_by_mistake_is_taken_back_by_one_click(
    desk: Client, person: Patient, today: list[Slot]
) -> None:
    with under_way(today[0]):
        done = desk.post(WALK_IN, column(today[0], patient=person.pk, time=today[0].pk))
        visit = person.appointments.get()
        cancel = f"/admin/desk/visits/{visit.pk}/cancel/"
        sent = dict.fromkeys(("reason", "override_reason"), "Booked by mistake")
        for name, value in sent.items():
            assert f'<input type="hidden" name="{name}" value="{value}">' in done.content.decode()
        undone = desk.post(cancel, sent)
    assert said(undone).startswith(f"{person.name} is canceled: Dr. Elena García")
    assert undone.context["said"].undo
    visit.refresh_from_db()
    assert (visit.status, visit.cancel_reason) == ("canceled", "Booked by mistake")
    assert visit.events.latest("pk").override_reason == "Booked by mistake"
    assert_balanced(today[0])


def test_a_panel_whose_doctor_or_time_has_gone_says_so_and_keeps_what_is_typed(
    desk: Client, person: Patient, today: list[Slot]
) -> None:
    key = today[3].pk
    with under_way(today[0]):
        typed = {"patient": person.pk, "reason": "Cough"}
        today[0].doctor.revise(is_active=False)
        closed = desk.post(WALK_IN, column(today[0], time=today[0].pk, **typed))
        assert f"{person.name} is not booked: Dr. Elena García" in said(closed)
        assert "not open for booking" in said(closed)
        today[3].delete()
        for headers, status in ({}, 200), ({"hx-request": ""}, 404):
            gone = desk.post(FREE, {"slot": key, "time": key, **typed}, headers=headers)
            assert gone.status_code == status
            assert said(gone).startswith(f"{person.name} is not booked: This time is not there")
        assert 'name="reason" value="Cough"' in gone.content.decode()


def test_a_time_of_several_places_says_how_many_are_free(desk: Client) -> None:
    slot = ScheduleFactory(capacity=3).slots.earliest("starts_at")
    AppointmentFactory(slot=slot)
    assert "Book 09:00, 2 of 3 places free" in desk.get(FREE, {"slot": slot.pk}).content.decode()
