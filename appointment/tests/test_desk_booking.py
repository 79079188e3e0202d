"""The booking page of the desk: a person, what they want, and the next free times to click."""

from datetime import time
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent, User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    SpecialtyFactory,
    day_ahead,
)
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import FormReader
from tests.balance import assert_balanced
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db
BOOK = "/admin/desk/book/"
SCRIPT = {"hx-request": "true"}
BIRTH = {"date_of_birth": "1984-12-03"}


@pytest.fixture
def desk(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def maria() -> Patient:
    person: Patient = PatientFactory(
        user=None, first_name="Maria", last_name="García", phone_number="+34612345678", **BIRTH
    )
    return person


def listed(answer: Any) -> list[int]:
    """Return the keys of the times that the page shows as buttons."""
    return [offer.slot.pk for offer in answer.context["free"].times]


def times(desk: Client, **wanted: Any) -> list[int]:
    return listed(desk.get(BOOK, {"fragment": "times", **wanted}, headers=SCRIPT))


def test_a_person_found_by_name_is_booked_with_a_doctor_found_by_specialty(
    desk: Client, staff: User, maria: Patient
) -> None:
    weber = DoctorFactory(first_name="Anna", last_name="Weber")
    weber.specialties.add(SpecialtyFactory(name="Dermatology"))
    place = LocationFactory(name="Clinic North", address="1 High Street", phone="+34910123456")
    slot = ScheduleFactory(doctor=weber, location=place).slots.earliest("starts_at")
    ScheduleFactory()
    page = desk.get(BOOK)
    assert "autofocus" in page.content.decode()
    letter = desk.get(BOOK, {"fragment": "people", "q": "g", "typing": 1}, headers=SCRIPT)
    assert letter.context["rows"] == []
    found = desk.get(BOOK, {"fragment": "people", "q": "garcia mar", "typing": 1}, headers=SCRIPT)
    assert "Maria García, born 3 Dec 1984, +34 612 34 56 78" in found.content.decode()
    for who in ("derma", "Dermatology", "web", "Dr. Anna Weber"):
        assert slot.pk in times(desk, who=who, patient=maria.pk)
        assert len(times(desk, who=who)) == 4
    form = {"patient": maria.pk, "who": "derma", "time": slot.pk, "reason": "Rash"}
    booked = desk.post(BOOK, form, headers=SCRIPT)
    sentence = f"Maria García is booked with Dr. Anna Weber, {slot}".partition(", Dr.")[0]
    assert f"{sentence}, Clinic North, 1 High Street, +34 910 12 34 56." in booked.content.decode()
    visit = Appointment.objects.get()
    assert (visit.slot, visit.booked_by, visit.reason) == (slot, staff, "Rash")
    assert booked["HX-Push-Url"] == f"{BOOK}?booked={visit.pk}"
    kinds = AuditEvent.objects.order_by("pk").values_list("kind", "action", "patient_id")
    assert list(kinds) == [
        ("desk.book", "read", None),
        ("desk.search", "read", None),
        ("appointment.appointment", "create", maria.pk),
    ]


def test_the_page_works_without_a_script(desk: Client, maria: Patient) -> None:
    slots = list(ScheduleFactory().slots.order_by("starts_at"))
    found = desk.get(BOOK, {"q": "García", "from": day_ahead(1)}).content.decode()
    assert f'href="{BOOK}?from={day_ahead(1)}&amp;patient={maria.pk}"' in found
    page = desk.get(BOOK, {"patient": maria.pk, "from": day_ahead(1), "because": "Urgent"})
    assert listed(page) == [slot.pk for slot in slots]
    sent = {"patient": maria.pk, "because": "Urgent", "reason": "Rash", "from": day_ahead(1)}
    AppointmentFactory(slot=slots[0])
    lost = desk.post(BOOK, {**sent, "time": slots[0].pk})
    html = lost.content.decode()
    assert "No place is left at this time" in html
    assert listed(lost) == [slot.pk for slot in slots[1:]]
    assert 'name="reason" value="Rash"' in html
    assert 'name="because" value="Urgent"' in html
    done = desk.post(BOOK, {**sent, "time": slots[1].pk})
    visit = Appointment.objects.get(patient=maria)
    assert (done.status_code, done["Location"]) == (302, f"{BOOK}?booked={visit.pk}")
    assert "is booked with" in desk.get(done["Location"]).content.decode()
    assert AuditEvent.objects.filter(action="read", patient_id=maria.pk).count() == 2


def test_a_lost_place_leaves_the_list_and_keeps_what_is_typed(desk: Client, maria: Patient) -> None:
    slots = list(ScheduleFactory().slots.order_by("starts_at"))
    AppointmentFactory(slot=slots[0])
    answer = desk.post(BOOK, {"patient": maria.pk, "time": slots[0].pk}, headers=SCRIPT)
    assert answer.context["said"].refused
    assert listed(answer) == [slot.pk for slot in slots[1:]]
    assert 'id="reason"' not in answer.content.decode()  # the field stays in the page as it is


@pytest.mark.both_databases
def test_a_form_that_is_sent_twice_books_once(desk: Client, maria: Patient) -> None:
    first, second, *_ = ScheduleFactory().slots.order_by("starts_at")
    key = FormReader(desk.get(BOOK).content.decode()).sent["form_key"]
    form = {"form_key": key, "patient": maria.pk, "time": first.pk}
    answers = [desk.post(BOOK, form, headers=SCRIPT) for _ in range(2)]
    assert "is booked with" in answers[0].content.decode()
    assert answers[0].context["sentence"] == answers[1].context["sentence"]
    other = desk.post(BOOK, {**form, "time": second.pk}, headers=SCRIPT)
    assert "has booked before" in other.context["said"].text
    assert Appointment.objects.count() == 1
    assert_balanced(first)
    Appointment.objects.get().discard()
    assert desk.post(BOOK, form, headers=SCRIPT).context["said"].refused


def test_what_is_listed_for_a_person_can_be_booked(desk: Client, maria: Patient) -> None:
    slots = list(ScheduleFactory().slots.order_by("starts_at"))
    AppointmentFactory(slot=slots[1], patient=maria)
    same_time = ScheduleFactory().slots.order_by("starts_at")
    assert times(desk) == sorted({s.pk for s in [*slots, *same_time]} - {slots[1].pk}, key=_start)
    free = times(desk, patient=maria.pk)
    assert set(free) == {s.pk for s in [*slots, *same_time]} - {slots[1].pk, same_time[1].pk}
    for key in (slots[1].pk, same_time[1].pk):
        answer = desk.post(BOOK, {"patient": maria.pk, "time": key}, headers=SCRIPT)
        assert answer.context["said"].refused
    assert not desk.post(BOOK, {"patient": maria.pk, "time": free[0]}).context


def _start(key: int) -> Any:
    slot = Slot.objects.get(pk=key)
    return slot.starts_at, slot.pk


def test_a_reason_widens_the_list_and_goes_with_the_booking(desk: Client, maria: Patient) -> None:
    place = LocationFactory(horizon_days=1)
    slot = ScheduleFactory(location=place).slots.earliest("starts_at")
    assert times(desk) == []
    widened = desk.get(BOOK, {"fragment": "times", "because": "Urgent"}, headers=SCRIPT)
    assert slot.pk in listed(widened)
    assert "far ahead" in widened.content.decode()
    form = {"patient": maria.pk, "time": slot.pk}
    assert "not take bookings so far ahead" in desk.post(BOOK, form).context["said"].text
    desk.post(BOOK, {**form, "because": "Urgent"})
    assert maria.appointments.get().events.get().override_reason == "Urgent"


def test_times_are_narrowed_by_site_day_and_part_of_the_day_on_the_clock_of_the_site(
    desk: Client,
) -> None:
    tokyo = LocationFactory(time_zone="Asia/Tokyo")
    hours = {"start_time": time(11, 30), "end_time": time(12, 30)}
    here = list(ScheduleFactory(date=day_ahead(2), **hours).slots.order_by("starts_at"))
    there = list(ScheduleFactory(location=tokyo, **hours).slots.order_by("starts_at"))
    assert times(desk) == [slot.pk for slot in [*here, *there]]
    assert times(desk, part="morning") == [here[0].pk, there[0].pk]
    assert times(desk, part="afternoon") == [here[1].pk, there[1].pk]
    assert times(desk, part="evening") == []
    assert times(desk, location=tokyo.pk, part="morning") == [there[0].pk]
    assert times(desk, **{"from": day_ahead(3)}) == [slot.pk for slot in there]
    assert times(desk, doctor=here[0].doctor_id) == [slot.pk for slot in here]
    assert times(desk, doctor=here[0].doctor_id, who=str(there[0].doctor)) == [
        slot.pk for slot in there
    ]


def test_more_times_follow_and_the_statements_do_not_grow_with_them(
    desk: Client, maria: Patient
) -> None:
    session = {"start_time": time(0, 5), "end_time": time(3, 5), "slot_minutes": 5}
    ScheduleFactory(**session)
    asked = {"fragment": "times", "patient": maria.pk, "who": "garcia"}
    desk.get(BOOK, asked, headers=SCRIPT)
    with counted_statements() as few:
        assert len(times(desk, **asked)) == 12
    ScheduleFactory(**session)
    for days in (5, 6, 7):
        AppointmentFactory(patient=maria, slot=ScheduleFactory(date=day_ahead(days)).slots.first())
    with counted_statements() as many:
        assert len(times(desk, **asked, show=36)) == 36
    assert len(many) == len(few) <= 14


def test_a_new_person_is_saved_with_the_booking(desk: Client) -> None:
    slot = ScheduleFactory(location=LocationFactory(country="ES")).slots.first()
    opened = desk.get(BOOK, {"new": 1, "q": "Nora Ibarra 612345678", "fragment": "person"})
    assert 'name="phone_number" value="612' in opened.content.decode()
    typed = {"first_name": "Nora", "last_name": "Ibarra", "time": slot.pk}
    wrong = {"phone_number": "12", "date_of_birth": "31/2/1990"}
    refused = desk.post(BOOK, {**typed, **wrong}, headers=SCRIPT).content.decode()
    assert "There is no such day." in refused
    assert 'value="31/2/1990"' in refused
    right = {"phone_number": "612 345 678", "date_of_birth": "3.12.1984"}
    desk.post(BOOK, {**typed, **right}, headers=SCRIPT)
    person = Appointment.objects.get().patient
    assert person is not None
    assert (str(person.date_of_birth), str(person.phone_number)) == ("1984-12-03", "+34612345678")


def test_without_a_person_or_a_time_nothing_is_booked(desk: Client, maria: Patient) -> None:
    slot = ScheduleFactory().slots.first()
    for form, sentence in (
        ({"time": slot.pk}, "Choose a person first"),
        ({"patient": maria.pk}, "Choose a time"),
        ({"patient": maria.pk, "time": "x"}, "Choose a time"),
        ({"patient": maria.pk, "time": slot.pk, "because": "a\nb"}, "one line"),
        ({"patient": maria.pk, "time": slot.pk, "reason": "x" * 501}, "500"),
        ({"time": slot.pk, "last_name": "\0"}, "cannot be saved"),
    ):
        assert sentence in desk.post(BOOK, form).context["said"].text, form
    assert not Appointment.objects.exists()


def test_what_no_row_can_have_is_absent_and_junk_is_no_error(desk: Client) -> None:
    ScheduleFactory()
    for name in ("patient", "doctor", "location", "slot", "booked"):
        for made_up in (10**22, "x", "\0", 10**17):
            assert desk.get(BOOK, {name: made_up}).status_code == 404, (name, made_up)
    for junk in ({"from": "9999-12-31"}, {"from": "x"}):
        assert desk.get(BOOK, junk).status_code == 400
    half_typed = {"fragment": "times", "from": "0020-12-01"}
    assert desk.get(BOOK, half_typed, headers=SCRIPT).status_code == 200
    far = {"from": "2199-12-31", "part": "evening", "show": "1" * 5000, "who": "\0", "q": "\0"}
    assert desk.get(BOOK, far).status_code == 200
    assert desk.get(BOOK, {"part": ["x", "evening"], "because": "a\nb" * 300}).status_code == 200


def test_the_page_opens_for_a_time_of_the_grid(desk: Client, maria: Patient) -> None:
    slots = list(ScheduleFactory().slots.order_by("starts_at"))
    opened = desk.get(BOOK, {"slot": slots[3].pk, "doctor": slots[3].doctor_id})
    assert [offer.slot for offer in opened.context["chosen"]] == [slots[3]]
    assert f'value="{slots[3].doctor}"' in opened.content.decode()
    AppointmentFactory(slot=slots[3], patient=maria)
    taken = desk.get(BOOK, {"slot": slots[3].pk, "patient": maria.pk}).content.decode()
    assert "has this time booked already" in taken


def test_staff_of_a_site_book_for_whom_they_name_exactly(
    desk: Client, staff: User, maria: Patient
) -> None:
    elsewhere = ScheduleFactory().slots.first()
    site = SiteStaffFactory(user=staff, location=LocationFactory()).location
    slot = ScheduleFactory(location=site).slots.earliest("starts_at")
    exact = {"fragment": "people", "q": "García 1984-12-03"}
    assert maria.pk not in _people(desk, **exact, typing=1)
    assert desk.get(BOOK, {"patient": maria.pk}).status_code == 404
    assert desk.post(BOOK, {"patient": maria.pk, "time": slot.pk}).status_code == 404
    assert _people(desk, fragment="people", q="García 1984-12-04") == []
    assert AuditEvent.objects.filter(outcome="denied", kind="patient.patient").count() == 1
    assert _people(desk, **exact) == [maria.pk]
    assert elsewhere.pk not in times(desk, patient=maria.pk)
    assert desk.post(BOOK, {"patient": maria.pk, "time": elsewhere.pk}).status_code == 404
    desk.post(BOOK, {"patient": maria.pk, "time": slot.pk})
    assert maria.appointments.get().slot == slot
    new = {"first_name": "Nora", "last_name": "Ibarra", "time": slot.pk}
    assert "needed" in desk.get(BOOK, {"new": 1}).content.decode().partition("Birth date")[2][:20]
    assert "cannot be saved" in desk.post(BOOK, new).context["said"].text


def _people(desk: Client, **asked: Any) -> list[int]:
    answer = desk.get(BOOK, asked, headers=SCRIPT)
    return [row["person"].pk for row in answer.context["rows"]]


def test_people_of_one_name_are_told_apart_and_the_deceased_cannot_be_chosen(
    desk: Client, maria: Patient
) -> None:
    other = PatientFactory(
        user=None, first_name="María", last_name="Garcia", address="7 Elm Road", **BIRTH
    )
    maria.mark_deceased()
    found = desk.get(BOOK, {"fragment": "people", "q": "garcia"}).content.decode()
    assert "7 Elm Road" in found
    assert f"patient={other.pk}" in found
    assert f"patient={maria.pk}" not in found
    assert "deceased" in found


def test_the_confirmation_shows_the_visit_as_it_is_now(desk: Client, maria: Patient) -> None:
    visit = AppointmentFactory(patient=maria)
    shown = {"booked": visit.pk, "fragment": "confirmation"}
    assert "is booked with" in desk.get(BOOK, shown, headers=SCRIPT).content.decode()
    visit.cancel()
    assert "is not booked with" in desk.get(BOOK, shown, headers=SCRIPT).content.decode()
    assert not AuditEvent.objects.filter(action="read").exists()
