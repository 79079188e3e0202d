"""When messages about visits are sent: quiet hours, reminders by wall time, changed hours."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts.models import NotificationChoice, OutgoingMessage
from accounts.tests.mailbox import post
from appointment.messages.quiet import end_of_quiet
from appointment.messages.reminders import queue_reminders
from appointment.models import Appointment
from doctor.models import Location, TimeOff
from doctor.tests.factories import LocationFactory, ScheduleFactory
from patient.models import Patient

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MADRID = "Europe/Madrid"


def there(text: str) -> datetime:
    """Return the instant of a wall time in Madrid, such as 2026-11-30 21:30."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(MADRID)).astimezone(UTC)


@pytest.fixture
def place() -> Location:
    return LocationFactory(time_zone=MADRID)


@pytest.fixture
def clock(time_machine: Any) -> Any:
    def go(text: str) -> datetime:
        time_machine.move_to(there(text), tick=False)
        return there(text)

    return go


def book(patient: Patient, place: Location, starts: str, by: Any = None) -> Any:
    """Book a visit that starts at this wall time, by default by staff."""
    start = datetime.fromisoformat(starts)
    end = (start + timedelta(hours=1)).time()
    session = ScheduleFactory(
        location=place, date=start.date(), start_time=start.time(), end_time=end
    )
    slot = session.slots.earliest("starts_at")
    patient.user.revise(email_verified_at=start.replace(tzinfo=UTC))
    return Appointment(patient=patient, slot=slot, booked_by=by).book()


def kinds_sent(at: datetime | None = None) -> list[str]:
    post(at)
    return [*OutgoingMessage.objects.filter(sent_at__isnull=False).values_list("kind", flat=True)]


# --- Quiet hours ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "start", "end", "until"),
    [
        ("2026-11-30 20:59", "21:00", "08:00", None),
        ("2026-11-30 21:00", "21:00", "08:00", "2026-12-01 08:00"),
        ("2026-12-01 07:59", "21:00", "08:00", "2026-12-01 08:00"),
        ("2026-12-01 08:00", "21:00", "08:00", None),
        ("2026-12-01 14:00", "13:00", "15:00", "2026-12-01 15:00"),
        ("2026-12-01 15:00", "13:00", "15:00", None),
        ("2026-12-01 03:00", "08:00", "08:00", None),
        ("2027-03-28 01:30", "21:00", "02:30", "2027-03-28 03:00"),  # 02:30 is skipped
        ("2026-10-25 01:30", "21:00", "08:00", "2026-10-25 08:00"),  # 7.5 hours of sleep more
    ],
)
def test_quiet_hours_end_by_the_clock_of_the_location(
    at: str, start: str, end: str, until: str | None
) -> None:
    place = Location(
        time_zone=MADRID, quiet_from=time.fromisoformat(start), quiet_until=time.fromisoformat(end)
    )
    assert end_of_quiet(place, there(at)) == (there(until) if until else None)


def test_quiet_hours_hold_a_message_of_the_clinic(
    clock: Any, patient: Patient, place: Location
) -> None:
    clock("2026-11-30 21:30")
    book(patient, place, "2026-12-03 10:00")
    assert kinds_sent() == []
    assert kinds_sent(there("2026-12-01 07:59")) == []
    assert kinds_sent(there("2026-12-01 08:00")) == ["booked"]


def test_quiet_hours_hold_neither_an_answer_nor_what_begins_before_they_end(
    clock: Any, patient: Patient, other_patient: Patient, place: Location
) -> None:
    clock("2026-11-30 21:30")
    book(patient, place, "2026-12-03 10:00", patient.user)
    assert kinds_sent() == ["booked"]
    book(other_patient, place, "2026-12-01 07:30")
    assert kinds_sent() == ["booked", "booked"]


# --- Reminders ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts", "due"),
    [
        ("2026-12-03 10:00", "2026-12-02 10:00"),
        ("2027-03-28 10:00", "2027-03-27 10:00"),  # 23 hours before
        ("2026-10-25 10:00", "2026-10-24 10:00"),  # 25 hours before
        ("2026-12-03 22:00", "2026-12-03 08:00"),  # 22:00 the day before is in the quiet hours
    ],
)
def test_a_reminder_comes_a_day_before_by_the_clock(
    clock: Any, patient: Patient, place: Location, starts: str, due: str
) -> None:
    clock("2026-10-05 12:00")
    book(patient, place, starts, patient.user)
    assert kinds_sent() == ["booked"]
    assert kinds_sent(there(due) - timedelta(minutes=1)) == ["booked"]
    assert kinds_sent(there(due)) == ["booked", "reminder"]


def test_changed_hours_remind_of_a_visit_within_the_quiet_hours_in_time(
    clock: Any, patient: Patient, other_patient: Patient, place: Location
) -> None:
    clock("2026-11-25 12:00")
    place.revise(reminder_hours=None)
    book(patient, place, "2026-12-03 07:30", patient.user)
    book(other_patient, place, "2026-12-03 08:30", other_patient.user)
    assert kinds_sent() == ["booked", "booked"]
    place.revise(reminder_hours=3)
    assert queue_reminders(clock("2026-12-03 05:31")) == 1, "the other one waits until 08:00"
    assert kinds_sent() == ["booked", "booked", "reminder"]
    assert queue_reminders(clock("2026-12-03 08:00")) == 1
    place.revise(reminder_hours=0)
    assert kinds_sent() == ["booked", "booked", "reminder"]
    assert not OutgoingMessage.objects.filter(sent_at=None).exists()


def test_a_reminder_that_is_not_wanted_is_queued_once(
    clock: Any, patient: Patient, place: Location
) -> None:
    clock("2026-11-25 12:00")
    book(patient, place, "2026-12-03 10:00", patient.user)
    off = {"email": False, "sms": False, "push": False}
    NotificationChoice.objects.choose(patient.user, {"reminder": off})
    assert kinds_sent() == ["booked"]
    at = clock("2026-12-02 10:01")
    assert kinds_sent() == ["booked"]
    assert queue_reminders(at) == 0, "the sender has deleted it"
    NotificationChoice.objects.choose(patient.user, {"reminder": {"email": True}})
    assert queue_reminders(at) == 1


def test_what_is_booked_later_than_its_reminder_has_none(
    clock: Any, patient: Patient, place: Location
) -> None:
    at = clock("2026-12-02 11:00")
    book(patient, place, "2026-12-03 10:00", patient.user)
    assert queue_reminders(at + timedelta(hours=1)) == 0
    assert kinds_sent(at + timedelta(hours=1)) == ["booked"]


def test_a_waiting_reminder_follows_the_hours_of_its_location(
    clock: Any, patient: Patient, place: Location
) -> None:
    clock("2026-11-25 12:00")
    book(patient, place, "2026-12-03 10:00", patient.user)
    assert kinds_sent() == ["booked"]
    place.revise(reminder_hours=2)
    assert kinds_sent(there("2026-12-02 10:00")) == ["booked"], "it comes later now"
    place.revise(reminder_hours=48)
    at = clock("2026-12-01 10:01")
    assert [queue_reminders(at), queue_reminders(at)] == [1, 0]
    assert kinds_sent() == ["booked", "reminder"]
    assert queue_reminders(clock("2026-12-02 11:00")) == 0, "once for one time"


def test_a_visit_to_rebook_is_not_reminded_of_until_it_is_kept(
    patient: Patient, staff: Any, place: Location, clock: Any
) -> None:
    clock("2026-12-01 12:00")
    visit = book(patient, place, "2026-12-04 12:00")
    leave = TimeOff(doctor=visit.doctor, starts_at=visit.starts_at, ends_at=visit.ends_at)
    leave.publish()
    assert kinds_sent(clock("2026-12-03 12:00")) == []
    visit.keep("A substitute", by=staff)
    assert kinds_sent(clock("2026-12-03 12:11")) == ["reminder"]


def test_a_location_that_reminds_of_nothing_sends_no_reminder(
    clock: Any, patient: Patient, place: Location
) -> None:
    clock("2026-11-25 12:00")
    book(patient, place, "2026-12-03 10:00", patient.user)
    place.revise(reminder_hours=None)
    at = clock("2026-12-02 12:00")
    assert kinds_sent() == ["booked"] or kinds_sent() == []
    assert "reminder" not in kinds_sent()
    assert queue_reminders(at) == 0
    place.revise(reminder_hours=24)
    assert queue_reminders(at) == 1, "it reminds again"


def test_visits_of_a_version_without_messages_are_reminded_of(
    clock: Any, patient: Patient, place: Location
) -> None:
    clock("2026-11-25 12:00")
    visit = book(patient, place, "2026-12-03 10:00", patient.user)
    moved = book(patient, place, "2026-12-03 15:00", patient.user)
    OutgoingMessage.objects.all().delete()
    assert queue_reminders(there("2026-12-02 09:59")) == 0
    assert queue_reminders(there("2026-12-02 10:00")) == 1
    at = clock("2026-12-02 22:00")
    assert queue_reminders(at) == 0, "the quiet hours"
    moved.cancel(by=None)
    OutgoingMessage.objects.filter(object_id=visit.pk).update(given_up_at=at)
    assert queue_reminders(clock("2026-12-03 08:30")) == 0, "it died, which staff are told"
