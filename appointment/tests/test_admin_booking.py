"""Staff book appointments in the admin, and the page shows why a booking is refused."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import AlreadyBooked, PatientOverlap, SlotClosed, SlotFull, SlotInPast
from doctor.models import Schedule, Slot
from doctor.tests.factories import LocationFactory, ScheduleFactory, day_ahead
from extensions.formats import day_text
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, form_errors, messages_of, page
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db
ADD = "/admin/appointment/appointment/add/"


@pytest.fixture
def reception(staff: User) -> AdminClient:
    return AdminClient(staff)


@pytest.fixture
def slot() -> Slot:
    return ScheduleFactory().slots.first()


def test_the_form_asks_for_patient_slot_and_reasons_only(reception: AdminClient) -> None:
    asked = set(reception.open(ADD)) - {"csrfmiddlewaretoken", "_form_key"}
    assert asked == {"patient", "slot", "reason", "override_reason"}


def test_adding_an_appointment_books_it(reception: AdminClient, staff: User, slot: Slot) -> None:
    patient = PatientFactory(user=None)
    reception.send(ADD, patient=patient.pk, slot=slot.pk, reason="Check-up")
    booked = Appointment.objects.get()
    assert (booked.patient, booked.slot, booked.reason) == (patient, slot, "Check-up")
    assert booked.booked_by == staff
    assert [(event.kind, event.actor) for event in booked.events.all()] == [("booked", staff)]
    assert slot.appointments.count() == 1
    assert_balanced(slot)


def test_a_full_slot_is_reported_with_free_local_times(
    reception: AdminClient, patient: Patient
) -> None:
    schedule = ScheduleFactory(location=LocationFactory(name="Downtown", time_zone="Asia/Tokyo"))
    slot = schedule.slots.first()
    AppointmentFactory(slot=slot)
    refused = reception.send(ADD, patient=patient.pk, slot=slot.pk, reason="My knee")
    [fault] = form_errors(refused)
    assert fault.startswith(f"{SlotFull.staff_message} Free instead: ")
    assert f"{day_text(schedule.date)}, 09:30 JST, Downtown;" in fault
    assert "My knee" in refused.content.decode()
    assert f'<option value="{slot.pk}" selected>' in refused.content.decode()
    assert f'<option value="{patient.pk}" selected>' in refused.content.decode()
    assert not messages_of(refused)
    assert patient.appointments.count() == 0
    assert_balanced(slot)


def test_the_same_patient_twice_is_reported(reception: AdminClient, patient: Patient) -> None:
    slot = ScheduleFactory(capacity=3).slots.first()
    AppointmentFactory(patient=patient, slot=slot)
    refused = reception.send(ADD, patient=patient.pk, slot=slot.pk)
    assert form_errors(refused) == [str(AlreadyBooked.staff_message)]
    assert_balanced(slot)


def test_an_overlap_of_the_patient_is_reported(
    reception: AdminClient, patient: Patient, slot: Slot
) -> None:
    AppointmentFactory(patient=patient, slot=slot)
    elsewhere = ScheduleFactory().slots.first()
    refused = reception.send(ADD, patient=patient.pk, slot=elsewhere.pk)
    assert form_errors(refused) == [str(PatientOverlap.staff_message)]
    assert_balanced(elsewhere)


def test_a_closed_slot_is_reported(reception: AdminClient, patient: Patient, slot: Slot) -> None:
    slot.schedule.revise(is_active=False)
    refused = reception.send(ADD, patient=patient.pk, slot=slot.pk)
    assert form_errors(refused) == [str(SlotClosed.staff_message)]


def test_a_slot_that_has_begun_is_reported(staff: User, patient: Patient, slot: Slot) -> None:
    with time_machine.travel(slot.starts_at, tick=False):
        refused = AdminClient(staff).send(ADD, patient=patient.pk, slot=slot.pk)
    assert form_errors(refused) == [str(SlotInPast.staff_message)]


def test_a_slot_that_was_deleted_meanwhile_is_reported(
    reception: AdminClient, patient: Patient, slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague deletes the session after the form validates and before `book` runs."""
    book = Appointment.book

    def too_late(self: Appointment, **how: Any) -> Appointment:
        Schedule.objects.get().unpublish()
        return book(self, **how)

    monkeypatch.setattr(Appointment, "book", too_late)
    refused = reception.send(ADD, patient=patient.pk, slot=slot.pk)
    assert refused.status_code == 200
    assert form_errors(refused) == ["Somebody deleted it, or what it refers to, meanwhile."]
    assert Schedule.objects.exists(), "the transaction of the form was undone"


def test_nothing_chosen_is_reported(reception: AdminClient) -> None:
    assert form_errors(reception.send(ADD)) == ["This field is required."] * 2


# --- The choice of slots and patients ---


def test_only_bookable_slots_are_offered_soonest_first(reception: AdminClient) -> None:
    late = ScheduleFactory(date=day_ahead(9), slot_minutes=60)
    soon = ScheduleFactory(date=day_ahead(4), slot_minutes=60)
    ScheduleFactory(date=day_ahead(5), is_active=False)
    AppointmentFactory(slot=soon.slots.first())
    with time_machine.travel(timezone.now() - timedelta(days=20)):
        ScheduleFactory(date=day_ahead(1))
    offered = [int(slot["id"]) for slot in reception.suggestions(Appointment, "slot")]
    free = [*soon.slots.all()[1:], *late.slots.all()]
    assert offered == [slot.pk for slot in free]


@pytest.mark.parametrize("term", ["elena downtown", "{date}", "{date} elena", "DOWN"])
def test_a_slot_is_found_by_doctor_location_and_date(reception: AdminClient, term: str) -> None:
    ScheduleFactory(doctor__first_name="Omar", date=day_ahead(6))
    wanted = ScheduleFactory(location__name="Downtown", slot_minutes=None)
    found = reception.suggestions(Appointment, "slot", term.format(date=wanted.date.isoformat()))
    assert [int(slot["id"]) for slot in found] == [wanted.slots.get().pk]
    assert found[0]["text"] == str(wanted.slots.get())


def test_the_list_of_slots_shows_those_that_cannot_be_booked_too(
    reception: AdminClient, slot: Slot
) -> None:
    slot.schedule.revise(is_active=False)
    assert reception.get(page(Slot)).context["cl"].result_count == 4
    assert reception.get(page(Slot), booking="now").context["cl"].result_count == 0


def test_patients_of_one_name_can_be_distinguished(reception: AdminClient) -> None:
    for year in (1950, 1990):
        PatientFactory(first_name="Eva", last_name="Sanz", date_of_birth=f"{year}-05-17")
    texts = [found["text"] for found in reception.suggestions(Appointment, "patient", "sanz eva")]
    assert texts == ["Eva Sanz, born 17 May 1950", "Eva Sanz, born 17 May 1990"]


def test_the_reception_chooses_from_no_users(reception: AdminClient) -> None:
    assert reception.suggestions(Appointment, "booked_by") == 403
    assert reception.suggestions(Patient, "user") == 403
