"""`manage.py run_due` expires offers and entries, offers free places and deletes old keys."""

import re
from datetime import timedelta
from functools import partial
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from accounts.models import AuditEvent
from appointment import jobs
from appointment.models import Appointment, IdempotencyKey, WaitlistEntry
from appointment.tests.factories import WaitlistEntryFactory
from appointment.tests.waitlist import HALF_AN_HOUR, holders, waiting
from doctor.tests.factories import ScheduleFactory, SpecialtyFactory, day_ahead
from extensions.db.batches import key_batches
from tests.balance import assert_balanced
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db
NOTHING = (
    "0 offers expired, 0 entries expired, 0 free places offered, 0 idempotency keys deleted, "
    "0 proposals deleted, 0 days summed, 0 files to import deleted, "
    "0 reminders queued, 0 day sheets queued, 0 messages sent, "
    "0 messages of webhooks sent, 0 messages deleted, 0 messages of webhooks deleted.\n"
)


def run_due(after: timedelta = timedelta(0)) -> str:
    """Run the command with the clock set `after` from now, and return its output."""
    said = StringIO()
    with time_machine.travel(timezone.now() + after, tick=False):
        call_command("run_due", stdout=said)
    # How many messages are sent depends on the quiet hours of the moment.
    return re.sub(r"\d+ messages sent", "0 messages sent", said.getvalue())


def test_run_due_does_nothing_if_no_job_is_due(visit: Appointment) -> None:
    waiting(visit)
    assert run_due() == NOTHING


def test_an_offer_that_expired_is_passed_on_once(visit: Appointment) -> None:
    first, second = waiting(visit), waiting(visit)
    visit.cancel()
    assert run_due() == NOTHING
    assert run_due(HALF_AN_HOUR).startswith("1 offers expired, ")
    assert holders(visit.slot) == [second.pk]
    first.refresh_from_db()
    assert first.status == "waiting"
    assert run_due(HALF_AN_HOUR) == NOTHING


def test_a_place_that_no_other_patient_waits_for_is_free_once_its_offer_has_expired(
    visit: Appointment,
) -> None:
    waiting(visit)
    visit.cancel()
    run_due(HALF_AN_HOUR)
    assert holders(visit.slot) == []
    assert visit.slot.taken == 0


def test_an_entry_whose_days_are_over_expires() -> None:
    entries = [WaitlistEntryFactory(last_date=day_ahead(days)) for days in (1, 3)]
    entries.append(WaitlistEntryFactory(last_date=day_ahead(1), status="accepted"))
    assert "1 entries expired" in run_due(timedelta(days=2.5))
    states = [WaitlistEntry.objects.get(pk=entry.pk).status for entry in entries]
    assert states == ["expired", "waiting", "accepted"]
    [event] = AuditEvent.objects.filter(kind="appointment.waitlistentry")
    assert (event.patient_id, event.role, event.action, event.channel) == (
        entries[0].patient_id,
        "system",
        "change",
        "command",
    )


@pytest.mark.parametrize("by", ["doctor", "specialty"])
def test_an_entry_that_joins_during_a_cancel_is_offered_the_place_later(
    visit: Appointment, by: str
) -> None:
    """The cancel sees no waiting entry, and the join does not see the free place."""
    visit.cancel()
    specialty = SpecialtyFactory()
    visit.doctor.specialties.add(specialty)
    entry = waiting(visit, **({} if by == "doctor" else {"doctor": None, "specialty": specialty}))
    assert "1 free places offered" in run_due()
    assert holders(visit.slot) == [entry.pk]
    assert run_due() == NOTHING


def test_a_free_place_that_no_patient_can_have_is_left_alone(visit: Appointment) -> None:
    entry = waiting(visit)
    visit.cancel()
    entry.decline()
    waiting(visit, first_date=day_ahead(20))
    WaitlistEntryFactory()
    assert run_due() == NOTHING
    assert_balanced(visit.slot)


def test_slots_that_no_entry_waits_for_cost_no_statement(visit: Appointment) -> None:
    waiting(visit, first_date=day_ahead(20), last_date=day_ahead(21))
    costs = []
    for days in (4, 5):
        ScheduleFactory(doctor=visit.doctor, date=day_ahead(days), slot_minutes=5)
        with counted_statements() as statements:
            assert jobs.offer_free_places(timezone.now()) == 0
        costs.append(len(statements))
    assert costs[0] == costs[1]


def test_run_due_processes_more_than_one_batch_of_slots(
    visit: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "key_batches", partial(key_batches, size=2))
    session = ScheduleFactory(doctor=visit.doctor, date=day_ahead(4))
    entries = [waiting(visit) for _ in range(6)]
    assert jobs.offer_free_places(timezone.now()) == 4
    assert [holders(slot) for slot in session.slots.all()] == [[e.pk] for e in entries[:4]]


def test_idempotency_keys_are_kept_for_a_day(patient: Any) -> None:
    at = timezone.now()
    for hours in (24, 23.9):
        IdempotencyKey.objects.create(
            user=patient.user,
            key=str(hours),
            fingerprint="x",
            created_at=at - timedelta(hours=hours),
        )
    assert "1 idempotency keys deleted" in run_due()
    assert IdempotencyKey.objects.get().key == "23.9"
