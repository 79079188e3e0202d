"""The booking page of the desk: a person, what they want, and the next free times to click."""

from datetime import date, time, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import AuditEvent, User
from appointment.desk.booking_people import typed_person
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import PatientOverlap
from doctor.models import Slot
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SiteStaffFactory,
    SpecialtyFactory,
    day_ahead,
)
from extensions.formats import instant_text
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
    nora = {**form, "patient": PatientFactory(user=None).pk}
    assert "has booked before" in desk.post(BOOK, nora, headers=SCRIPT).context["said"].text
    Appointment.objects.get().cancel()
    assert "Maria García is canceled" in desk.post(BOOK, form, headers=SCRIPT).context["said"].text
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


def test_a_refusal_names_the_person_and_the_time(desk: Client, maria: Patient) -> None:
    slot = ScheduleFactory().slots.earliest("starts_at")
    AppointmentFactory(slot=slot)
    time = f"{slot.doctor}, {instant_text(slot.starts_at, slot.location.zone)}, {slot.location}."
    full = desk.post(BOOK, {"patient": maria.pk, "time": slot.pk}, headers=SCRIPT).context["said"]
    assert full.text.startswith(f"Maria García is not booked: {time} No place is left")
    new = {"first_name": "Nora", "last_name": "O'Hara", "time": slot.pk}
    refused = desk.post(BOOK, new).context["said"].text
    assert refused.startswith(f"Nora O'Hara is not booked: {time}")


def test_a_person_merged_erased_or_marked_meanwhile_ends_in_a_true_page(
    desk: Client, maria: Patient
) -> None:
    slot, other = ScheduleFactory().slots.order_by("starts_at")[:2]
    form = {"patient": maria.pk, "time": slot.pk, "reason": "Rash"}
    maria.mark_deceased()
    marked = desk.post(BOOK, form, headers=SCRIPT)
    assert "Maria García is not booked" in marked.context["said"].text
    assert '<span class="desk-tag">deceased</span>' in marked.content.decode()
    maria.erase()
    gone = desk.post(BOOK, form)
    assert gone.status_code == 404
    for html in (gone.content.decode(), desk.post(BOOK, form, headers=SCRIPT).content.decode()):
        assert "The person is not there any more" in html
        assert 'id="person-search"' in html
    assert 'name="reason" value="Rash"' in gone.content.decode()
    part = desk.get(BOOK, {"fragment": "person", "patient": maria.pk}, headers=SCRIPT)
    assert "The person is not there any more" in part.content.decode()
    same = {"same": f"{maria.pk} {other.pk}", "first_name": "Nora", "last_name": "Ibarra"}
    kept = desk.post(BOOK, same, headers=SCRIPT).content.decode()
    assert "The person is not there any more" in kept
    assert 'value="Ibarra"' in kept
    assert not Appointment.objects.exists()


def test_a_time_or_doctor_gone_meanwhile_leaves_the_page_true(desk: Client, maria: Patient) -> None:
    slot, free, *_ = ScheduleFactory().slots.order_by("starts_at")
    form = {"patient": maria.pk, "time": slot.pk, "slot": slot.pk, "reason": "Rash"}
    slot.delete()
    for headers, status in (SCRIPT, 200), ({}, 404):
        gone = desk.post(BOOK, form, headers=headers)
        assert gone.status_code == status
        assert "Maria García is not booked: This time is not there" in gone.context["said"].text
        assert free.pk in listed(gone)
    free.doctor.revise(is_active=False)
    sent = {"patient": maria.pk, "doctor": free.doctor_id, "who": free.doctor.name}
    closed = desk.post(BOOK, {**sent, "time": free.pk}, headers=SCRIPT)
    assert "not open for booking" in closed.context["said"].text
    assert "No doctor and no specialty has this name" in closed.content.decode()
    assert times(desk, **sent) == []


def test_a_booking_by_mistake_is_taken_back_by_one_click(desk: Client, maria: Patient) -> None:
    slot = ScheduleFactory().slots.earliest("starts_at")
    done = desk.post(BOOK, {"patient": maria.pk, "time": slot.pk})["Location"]
    visit = maria.appointments.get()
    cancel = f"/admin/desk/visits/{visit.pk}/cancel/"
    page = desk.get(done).content.decode()
    assert f'action="{cancel}"' in page
    assert '<input type="hidden" name="reason" value="Booked by mistake">' in page
    taken_back = desk.post(cancel, {"reason": "Booked by mistake"}, headers=SCRIPT)
    assert "Maria García is canceled: Dr. Elena García" in taken_back.context["said"].text
    assert taken_back.context["said"].undo
    assert_balanced(slot)
    assert cancel not in desk.get(done).content.decode()


def test_doctors_of_one_name_are_told_apart_by_specialty(desk: Client) -> None:
    webers = [DoctorFactory(first_name="Anna", last_name="Weber") for _ in range(2)]
    for doctor, name in zip(webers, ("Cardiología", "Dermatology"), strict=True):
        doctor.specialties.add(SpecialtyFactory(name=name))
        ScheduleFactory(doctor=doctor, capacity=2)
    page = desk.get(BOOK, {"who": "weber anna"})
    assert page.context["free"].proposed == [
        "Dr. Anna Weber, Cardiología",
        "Dr. Anna Weber, Dermatology",
    ]
    html = page.content.decode()
    assert "Dr. Anna Weber (Dermatology), " in html
    assert ", 2 of 2 places free" in html
    for who in ("Dr. Anna Weber, Cardiología", "cardiologia", "weber cardio"):
        found = desk.get(BOOK, {"fragment": "times", "who": who}, headers=SCRIPT)
        assert {offer.slot.doctor for offer in found.context["free"].times} == {webers[0]}


def test_a_first_day_in_the_past_counts_as_today_for_a_part_of_the_day(desk: Client) -> None:
    ScheduleFactory()
    assert len(times(desk, part="morning", **{"from": "2001-01-01"})) == 4


def test_a_list_that_is_cut_says_so(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appointment.desk.booking.MOST_TIMES", 12)
    monkeypatch.setattr("appointment.desk.booking_query.MOST_TIMES", 12)
    ScheduleFactory(slot_minutes=5)
    cut = desk.get(BOOK).content.decode()
    assert "These are the first 12 times" in cut
    assert "More times" not in cut


@pytest.mark.parametrize(
    ("text", "first", "last", "born"),
    [
        ("Li Li", "Li", "Li", ""),
        ("García López, Ana María", "Ana María", "García López", ""),
        ("Anna-Maria O'Hara 3/12/1984", "Anna-Maria", "O'Hara", "3/12/1984"),
        ("Madonna 3.12.84", "", "Madonna", "3.12.84"),
        ("3 Dec 1984 Ana, 612345678", "", "Ana", "3 Dec 1984"),
    ],
)
def test_what_was_typed_into_the_search_is_in_the_fields_of_a_new_person(
    text: str, first: str, last: str, born: str
) -> None:
    typed = typed_person(text)
    assert (typed["first_name"], typed["last_name"]) == (first, last)
    assert typed["date_of_birth"] == born


def test_a_new_person_is_read_by_the_country_of_the_booked_site(desk: Client) -> None:
    LocationFactory(name="Alpha", country="US")
    slot = ScheduleFactory(location=LocationFactory(name="Beta", country="ES")).slots.first()
    typed = {"phone_number": "612 345 678", "date_of_birth": "3/12/1984", "first_name": "Nora"}
    desk.post(BOOK, {**typed, "last_name": "Ibarra", "time": slot.pk}, headers=SCRIPT)
    nora = Patient.objects.get(last_name="Ibarra")
    assert (str(nora.phone_number), str(nora.date_of_birth)) == ("+34612345678", "1984-12-03")


def test_staff_of_a_site_enter_a_person_of_another_site_without_learning_of_the_record(
    desk: Client, staff: User, maria: Patient
) -> None:
    AppointmentFactory(patient=maria)
    slot = ScheduleFactory().slots.earliest("starts_at")
    SiteStaffFactory(user=staff, location=slot.location)
    twin = {"first_name": "Maria", "last_name": "García", "phone_number": "+34612345678", **BIRTH}
    done = desk.post(BOOK, {**twin, "time": slot.pk})
    assert done.status_code == 302
    visit = Appointment.objects.get(slot=slot)
    assert visit.patient != maria


def test_a_time_that_has_begun_is_not_listed_beside_a_visit_that_is_over(
    desk: Client, maria: Patient
) -> None:
    session = {"date": day_ahead(0), "end_time": time(10, 30)}
    over = ScheduleFactory(**session, start_time=time(9)).slots.earliest("starts_at")
    long = ScheduleFactory(**session, start_time=time(9, 15), slot_minutes=60).slots.get()
    AppointmentFactory(slot=over, patient=maria)
    with time_machine.travel(over.ends_at + timedelta(minutes=5), tick=False):
        wanted = {"because": "Urgent", "doctor": long.doctor_id}
        assert times(desk, **wanted) == [long.pk]
        assert times(desk, **wanted, patient=maria.pk) == []
        free = desk.get("/admin/desk/free/", {"slot": long.pk, "patient": maria.pk})
    assert str(PatientOverlap.staff_message) in free.content.decode()


def test_both_hours_of_the_night_that_has_one_twice_are_listed(desk: Client) -> None:
    autumn = date(2027, 10, 31)
    hours = {"start_time": time(2), "end_time": time(3), "slot_minutes": 30}
    ScheduleFactory(date=autumn, location=LocationFactory(horizon_days=None), **hours)
    page = desk.get(BOOK, {"from": autumn}).content.decode()
    for start in ("02:30 CEST", "02:30 CET"):
        assert page.count(f"Sun 31 Oct 2027, {start}") == 1


def test_staff_who_may_book_and_not_change_get_no_way_to_change_and_no_one_else_books(
    desk: Client, staff: User, maria: Patient, doctor_user: User
) -> None:
    slot, free, *_ = ScheduleFactory().slots.order_by("starts_at")
    group = staff.groups.get()
    change = Permission.objects.get(codename="change_appointment")
    group.permissions.remove(change)
    html = desk.post(BOOK, {"patient": maria.pk, "time": slot.pk}, headers=SCRIPT).content.decode()
    assert "Maria García is booked" in html
    assert "Undo" not in html
    assert "/cancel/" not in html
    group.permissions.remove(Permission.objects.get(codename="add_appointment"))
    group.permissions.add(change)
    assert desk.get(BOOK).status_code == 403
    assert desk.post(BOOK, {"patient": maria.pk, "time": free.pk}).status_code == 403
    as_doctor = Client()
    as_doctor.force_login(doctor_user)
    assert as_doctor.get(BOOK).status_code in {302, 403}
    assert as_doctor.post(BOOK, {"patient": maria.pk, "time": free.pk}).status_code in {302, 403}
    assert Appointment.objects.count() == 1


def test_the_browser_loads_a_whole_page_when_the_user_goes_back(desk: Client) -> None:
    """A part of a page in place of the whole would have neither heading nor style."""
    assert '"refreshOnHistoryMiss": true' in desk.get(BOOK).content.decode()


def test_a_person_erased_while_the_form_is_handled_is_not_shown_as_chosen(
    desk: Client, maria: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def erase(*_: Any) -> None:
        Patient.objects.filter(pk=maria.pk).erase_all()
        raise Patient.DoesNotExist

    monkeypatch.setattr("appointment.desk.booking_form.BookingView._save_once", erase)
    slot = ScheduleFactory().slots.first()
    html = desk.post(BOOK, {"patient": maria.pk, "time": slot.pk}).content.decode()
    assert "The person is not there any more" in html
    assert 'id="person-search"' in html
