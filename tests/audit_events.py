"""The events that a call leaves in the record of what is read and changed."""

from collections.abc import Iterator
from contextlib import contextmanager

from accounts.models import AuditEvent
from tests.sample_data import rolled_back


@contextmanager
def events_kept() -> Iterator[list[AuditEvent]]:
    """The events that what runs inside leaves, filled in at the end."""
    found: list[AuditEvent] = []
    last = AuditEvent.objects.order_by("pk").values_list("pk", flat=True).last() or 0
    yield found
    found += AuditEvent.objects.filter(pk__gt=last).order_by("pk")


@contextmanager
def events() -> Iterator[list[AuditEvent]]:
    """As `events_kept`, and what happens inside is undone."""
    with rolled_back(), events_kept() as found:
        yield found
