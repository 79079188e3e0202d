"""The cost of claiming one message does not grow with the queue."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.messages import kinds
from accounts.models import OutgoingMessage
from accounts.tests.probe import PROBE, ProbeKind, queue

CLAIMS = 200


@pytest.mark.django_db
def test_a_claim_costs_the_same_with_200000_reminders_to_come(
    monkeypatch: pytest.MonkeyPatch, sized, report
) -> None:
    monkeypatch.setitem(kinds(), PROBE, ProbeKind())
    now = timezone.now()
    for number in range(3 * CLAIMS):
        queue(number)
    few = min(seconds_of_claims() for _ in range(2))
    make(now + timedelta(days=1), sized(200_000), 1_000_000)
    make(now - timedelta(minutes=1), sized(10_000), 2_000_000)
    many = min(seconds_of_claims() for _ in range(2))
    report(f"a claim: {few * 1000:.1f} ms of {3 * CLAIMS} due, {many * 1000:.1f} ms of many")
    assert many < 2 * few + 0.001


def seconds_of_claims() -> float:
    """Return the seconds of one of CLAIMS claims."""
    began = time.perf_counter()
    for _ in range(CLAIMS):
        assert OutgoingMessage.objects.claim_next(timezone.now())
    return (time.perf_counter() - began) / CLAIMS


def make(due_at: object, number: int, first: int) -> None:
    """Queue so many messages that are due from then on, a second apart."""
    rows = [
        OutgoingMessage(kind=PROBE, object_id=key, cause=key, due_at=due_at)
        for key in range(first, first + number)
    ]
    OutgoingMessage.objects.bulk_create(rows, batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
