"""A visit changes while a message about it is being sent: the patient hears what is true then."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.channels.mail import EmailChannel
from accounts.messages import Message
from accounts.sending import send_due
from appointment.models import Appointment
from doctor.tests.factories import ScheduleFactory, day_ahead
from patient.models import Patient

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
BOOKED, MOVED = "Your visit is booked", "Your visit has moved"
CANCELED, BACK = "Your visit is canceled", "Your visit takes place after all"


@pytest.fixture
def visit(noon: Any, patient: Patient, staff: Any) -> Any:
    patient.user.revise(email_verified_at=noon)
    slot = ScheduleFactory(date=day_ahead(3)).slots.first()
    return Appointment(patient=patient, slot=slot, booked_by=staff).book()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the list of what is told: a function in it is called while the next mail is sent."""
    said: list[Any] = []
    send = EmailChannel.send

    def sending(channel: EmailChannel, message: Message) -> str:
        change = said.pop() if said and callable(said[-1]) else None
        said.append(message.text.splitlines()[0])
        if change:
            change()
            send_due(timezone.now())  # another worker, meanwhile
        return send(channel, message)

    monkeypatch.setattr(EmailChannel, "send", sending)
    return said


def test_a_booking_that_is_canceled_while_it_is_told_is_told_as_canceled(
    visit: Any, staff: Any, told: list[Any]
) -> None:
    told.append(lambda: visit.cancel(by=staff))
    send_due(timezone.now())
    assert told == [BOOKED, CANCELED]


def test_a_cancelation_that_is_undone_while_it_is_told_is_told_as_undone(
    visit: Any, staff: Any, told: list[Any]
) -> None:
    send_due(timezone.now())
    visit.cancel(by=staff)
    told.append(lambda: visit.undo(by=staff))
    send_due(timezone.now())
    assert told == [BOOKED, CANCELED, BACK]


def test_a_move_that_is_taken_back_while_it_is_told_is_told_too(
    visit: Any, staff: Any, told: list[Any]
) -> None:
    send_due(timezone.now())
    first, last = visit.slot, visit.slot.schedule.slots.last()
    visit.reschedule(last, by=staff)
    told.append(lambda: visit.reschedule(first, by=staff))
    send_due(timezone.now())
    assert told == [BOOKED, MOVED, MOVED]
