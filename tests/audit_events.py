"""Context managers that collect the audit events of a block."""

from collections.abc import Iterator
from contextlib import contextmanager

from accounts.models import AuditEvent
from tests.sample_data import rolled_back


@contextmanager
def events_kept() -> Iterator[list[AuditEvent]]:
    """Yield a list that holds, after the block, the audit events that the block wrote."""
    found: list[AuditEvent] = []
    last = AuditEvent.objects.order_by("pk").values_list("pk", flat=True).last() or 0
    yield found
    found += AuditEvent.objects.filter(pk__gt=last).order_by("pk")


@contextmanager
def events() -> Iterator[list[AuditEvent]]:
    """Yield the same list as `events_kept`, and roll the block back."""
    with rolled_back(), events_kept() as found:
        yield found
