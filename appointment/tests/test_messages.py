"""What a patient is told of a visit: each history of it leads to these messages, and no other."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import NotificationChoice, OutgoingMessage
from accounts.tests.mailbox import post
from appointment.messages.not_told import not_told
from appointment.models import Appointment, AppointmentEvent
from doctor.tests.factories import LocationFactory, ScheduleFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def visit(patient: Patient, noon: Any) -> Any:
    patient.user.revise(email_verified_at=noon)
    return booked_by(patient, patient.user)


def booked_by(patient: Patient, by: Any, **session: Any) -> Any:
    slots = ScheduleFactory(**{"date": day_ahead(3), **session}).slots
    return Appointment(patient=patient, slot=slots.first(), booked_by=by).book()


def queued() -> list[tuple[str, Any]]:
    rows = OutgoingMessage.objects.filter(sent_at=None, given_up_at=None).order_by("pk")
    return [(row.kind, row.due_at) for row in rows]


def told() -> list[str]:
    """Send what is due; return the first line of each mail: what has happened."""
    return [str(message.body).splitlines()[0] for message in post()]


# --- Histories ------------------------------------------------------------------------------------

BOOKED, MOVED = "Your visit is booked", "Your visit has moved"
CANCELED, BACK = "Your visit is canceled", "Your visit takes place after all"


class Story:
    """A visit of a patient, and what is done with it, step by step."""

    def __init__(self, patient: Patient, staff: Any) -> None:
        self.own, self.staff, self.told = patient.user, staff, list[str]()
        self.visit = booked_by(patient, patient.user)
        self.first = self.visit.slot
        again = {"doctor": self.visit.doctor, "location": self.visit.location}
        self.others = list(ScheduleFactory(date=day_ahead(5), **again).slots.all())

    def send(self) -> None:
        self.told += told()

    def move(self) -> None:
        self.visit.reschedule(self.others.pop(), by=self.own)

    def move_back(self) -> None:
        self.visit.reschedule(self.first, by=self.own)

    def clinic_moves(self) -> None:
        self.visit.reschedule(self.others.pop(), by=self.staff)

    def clinic_moves_back(self) -> None:
        self.visit.reschedule(self.first, by=self.staff)

    def cancel(self) -> None:
        self.visit.cancel(by=self.own)

    def clinic_cancels(self) -> None:
        self.visit.cancel(by=self.staff)

    def undo(self) -> None:
        self.visit.undo(by=self.staff)


HISTORIES = {
    "send": [BOOKED],
    "send send": [BOOKED],
    "move send": [BOOKED],  # once, with the new time
    "cancel send": [],
    "clinic_cancels send": [CANCELED],  # the patient knows of it: the patient booked
    "send move send": [BOOKED, MOVED],
    "send move move send": [BOOKED, MOVED],
    "send move move_back send": [BOOKED],
    "send move send move_back send": [BOOKED, MOVED, MOVED],
    "send cancel send": [BOOKED, CANCELED],
    "send move cancel send": [BOOKED, CANCELED],
    "send clinic_cancels undo send": [BOOKED],
    "send clinic_cancels send undo send": [BOOKED, CANCELED, BACK],
    "send clinic_cancels undo clinic_cancels send": [BOOKED, CANCELED],
    "send clinic_cancels send undo clinic_cancels send": [BOOKED, CANCELED],
    "send clinic_cancels send undo move send": [BOOKED, CANCELED, BACK],
    "send move clinic_cancels undo send": [BOOKED, MOVED],
    "clinic_cancels undo send": [BOOKED],
    "clinic_moves send": [MOVED],  # the patient knows the first time: the patient booked
    "clinic_moves clinic_moves_back send": [BOOKED],
    "send move clinic_moves_back send": [BOOKED, MOVED],
    "send move clinic_moves send": [BOOKED, MOVED],
    "send cancel undo send": [BOOKED, BACK],  # the patient knows what the patient has done
    "send cancel undo clinic_cancels send": [BOOKED, CANCELED],
    "send clinic_moves clinic_cancels send": [BOOKED, CANCELED],
}


@pytest.mark.parametrize("history", HISTORIES)
def test_a_history_sends_messages_only_of_what_still_stands(
    noon: Any, patient: Patient, staff: Any, history: str
) -> None:
    patient.user.revise(email_verified_at=noon)
    story = Story(patient, staff)
    for step in history.split():
        getattr(story, step)()
    assert story.told == HISTORIES[history]
    coming = {kind for kind, _ in queued()}
    if story.visit.status == "canceled":
        assert post(story.visit.starts_at - timedelta(hours=20)) == []
    else:
        assert coming == {"reminder"}
        [reminder] = post(story.visit.starts_at - timedelta(hours=20))
        assert str(reminder.body).startswith("Your visit is coming up")
    assert post(story.visit.starts_at - timedelta(minutes=1)) == []


def test_a_move_says_from_where_the_patient_was_told(noon: Any, patient: Patient) -> None:
    patient.user.revise(email_verified_at=noon)
    story = Story(patient, patient.user)
    for step in ("send", "move", "move"):
        getattr(story, step)()
    [message] = post()
    first, now = story.first, story.visit
    text = " ".join(str(message.body).split())
    assert f"It was on {first.starts_at:%a} {first.starts_at.day} " in text
    assert f"{now.starts_at.day} {now.starts_at:%b %Y}" in str(message.subject)


def test_a_cancelation_names_the_time_that_the_patient_knows(
    noon: Any, patient: Patient, staff: Any
) -> None:
    patient.user.revise(email_verified_at=noon)
    story = Story(patient, staff)
    for step in ("send", "clinic_moves", "clinic_cancels"):
        getattr(story, step)()
    [message] = post()
    first = story.first.starts_at
    assert str(message.subject).startswith(f"Canceled: {first:%a} {first.day} ")


def test_who_wants_no_confirmation_hears_that_a_canceled_visit_takes_place(
    noon: Any, patient: Patient, staff: Any
) -> None:
    patient.user.revise(email_verified_at=noon)
    off = {"email": False, "sms": False, "push": False}
    NotificationChoice.objects.choose(patient.user, {"booked": off})
    story = Story(patient, staff)
    for step in ("send", "clinic_cancels", "send", "undo", "send"):
        getattr(story, step)()
    assert story.told == [CANCELED, BACK]


def test_who_heard_by_telephone_is_to_be_called_when_it_is_undone(
    noon: Any, patient: Patient, staff: Any, time_machine: Any
) -> None:
    patient.user.revise(email_verified_at=None)
    story = Story(patient, staff)
    time_machine.move_to(noon + timedelta(days=1, hours=1), tick=False)
    story.clinic_cancels()
    post()
    not_told(timezone.now()).get().settle(staff)
    story.undo()
    post()
    assert [row.kind for row in not_told(timezone.now())] == ["booked"]


def test_an_undone_slip_of_the_clinic_is_no_call_to_who_has_no_address(
    noon: Any, patient: Patient, staff: Any
) -> None:
    patient.user.revise(email_verified_at=None)
    story = Story(patient, staff)
    for step in ("send", "clinic_cancels", "send"):
        getattr(story, step)()
    assert [row.kind for row in not_told(timezone.now())] == ["canceled"]
    story.undo()
    assert told() == []
    assert not not_told(timezone.now()).exists()


def test_an_undone_cancelation_of_the_patient_is_not_called_a_message_of_the_clinic(
    noon: Any, patient: Patient, staff: Any
) -> None:
    patient.user.revise(email_verified_at=noon)
    story = Story(patient, staff)
    for step in ("send", "cancel", "undo"):
        getattr(story, step)()
    [message] = post()
    heading, _, text, *_ = str(message.body).splitlines()
    assert (heading, text) == (BACK, "Its cancelation has been taken back.")


def test_what_another_process_is_sending_counts_as_told(
    noon: Any, patient: Patient, staff: Any
) -> None:
    patient.user.revise(email_verified_at=noon)
    story = Story(patient, staff)
    for step in ("send", "clinic_cancels"):
        getattr(story, step)()
    assert OutgoingMessage.objects.claim_next(timezone.now()).kind == "canceled"
    story.undo()
    assert told() == [BACK]
    slip = booked_by(patient, patient.user, date=day_ahead(4))
    assert OutgoingMessage.objects.claim_next(timezone.now()).kind == "booked"
    slip.cancel(by=patient.user)
    assert told() == [CANCELED]


def test_what_the_patient_did_between_booking_and_cancelation_is_no_slip(
    noon: Any, patient: Patient, staff: Any
) -> None:
    patient.user.revise(email_verified_at=noon)
    visit = booked_by(patient, staff)
    visit.reschedule(visit.slot.schedule.slots.last(), by=patient.user)
    visit.cancel(by=staff)
    assert told() == [CANCELED]


def after(change: Callable[[Any], Any], visit: Any) -> list[str]:
    change(visit)
    return told() + [str(each.body) for each in post(visit.starts_at - timedelta(hours=20))]


def check_in(visit: Any) -> None:
    Appointment.objects.filter(pk=visit.pk).update(checked_in_at=timezone.now())


def complete(visit: Any) -> None:
    Appointment.objects.filter(pk=visit.pk).update(status="completed")


def erase(visit: Any) -> None:
    visit.patient.erase(by=visit.patient.user)


def mark_deceased(visit: Any) -> None:
    visit.patient.mark_deceased()


@pytest.mark.parametrize("change", [check_in, complete, erase, mark_deceased])
def test_a_patient_who_is_there_or_gone_gets_no_message(
    visit: Any, change: Callable[[Any], Any]
) -> None:
    assert after(change, visit) == []
    assert not OutgoingMessage.objects.filter(given_up_at__isnull=False).exists()


def test_a_walk_in_gets_no_message(noon: Any, patient: Patient, staff: Any) -> None:
    patient.user.revise(email_verified_at=noon)
    session = ScheduleFactory(date=noon.date(), location=LocationFactory(time_zone="UTC"))
    Appointment.objects.all().delete()
    slot = session.slots.last()
    if slot.ends_at <= noon:
        session = ScheduleFactory(
            date=noon.date(), location=session.location, start_time="13:00", end_time="14:00"
        )
        slot = session.slots.first()
    Appointment(patient=patient, slot=slot, booked_by=staff).walk_in()
    assert told() == []


def test_an_undone_check_in_leaves_the_reminder(visit: Any, staff: Any) -> None:
    assert told() == [BOOKED]
    Appointment.objects.filter(pk=visit.pk).update(checked_in_at=timezone.now())
    event = {"at": timezone.now(), "by": "staff", "from_status": "scheduled"}
    AppointmentEvent(
        appointment=visit, kind="undone", undoes="checked_in", to_status="scheduled", **event
    ).save()
    Appointment.objects.filter(pk=visit.pk).update(checked_in_at=None)
    assert len(post(visit.starts_at - timedelta(hours=20))) == 1


# --- To whom --------------------------------------------------------------------------------------


def test_the_account_of_today_is_told_of_a_dependent_or_a_merged_record(
    visit: Any, noon: Any, staff: Any
) -> None:
    post()
    child = DependentFactory(user=visit.patient.user, first_name="Leo")
    recorded = PatientFactory(user=None)
    of_child = booked_by(child, None)
    of_record = booked_by(recorded, staff, date=day_ahead(4))
    recorded_visit = of_record.patient
    visit.patient.merge(recorded_visit, by=staff)
    messages = post()
    assert {message.to[0] for message in messages} == {visit.patient.user.email}
    assert {str(message.body).splitlines()[0] for message in messages} == {
        "Leo's visit is booked",
        BOOKED,
    }
    assert "Leo" not in str([message.subject for message in messages])
    assert of_child.patient.last_name not in str([message.body for message in messages])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"email_verified_at": None}, "no verified address"),
        ({"is_active": False}, "account ended"),
        (None, "no account"),
    ],
)
def test_a_message_that_reaches_its_person_by_no_channel_notes_why(
    visit: Any, change: Any, reason: str
) -> None:
    if change is None:
        visit.patient.revise(user=None)
    else:
        visit.patient.user.revise(**change)
    assert post() == []
    row = OutgoingMessage.objects.get(kind="booked")
    assert (row.given_up_at is not None, row.failure) == (True, reason)
