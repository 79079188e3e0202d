"""Load the data: in one transaction, as a stream of batches that never holds all rows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, zip_longest
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Max

from accounts.models import User
from appointment import day_triggers, webhook_triggers
from appointment.load.audit import AUDIT, AuditRows
from appointment.load.directory import DOMAIN, Directory
from appointment.load.people import PATIENTS, USERS, WORDS, WORDS_EACH, People, PeopleRows
from appointment.load.plan import Plan
from appointment.load.progress import Progress
from appointment.load.visits import EVENTS, SCHEDULES, SLOTS, VISITS, VisitRows
from appointment.models import SummedDay
from doctor.models import Doctor, Language, Location, Specialty
from extensions.db.bulk_load import COSTS, Row, Table, loading

TABLES = (USERS, PATIENTS, WORDS, SCHEDULES, SLOTS, VISITS, EVENTS)
ROWS_PER_BATCH = 20_000
EVENTS_PER_VISIT = 1.98
OBJECTS_EACH = 4  # indexes and foreign keys of a table, about
T = TypeVar("T")
Batch = list[tuple[Table, list[Row]]]


@dataclass(frozen=True)
class Size:
    """How much to load."""

    visits: int
    doctors: int
    patients: int
    audit_events: int = 0

    @classmethod
    def least_patients(cls, doctors: int) -> int:
        """Return how many patients so many doctors need: one has one live visit a day at most."""
        return 40 * (doctors + 12)


def obstacle() -> str:
    """Return what stands in the database that a load does not mix with, or an empty string."""
    others = [table.model for table in TABLES if table.model is not User]
    models: list[Any] = [VISITS.model, *others, Location, Doctor, Specialty, Language]
    for model in models:
        if model._base_manager.exists():
            return f"This database holds {model._meta.verbose_name_plural} already."
    if User.objects.filter(email__endswith=f"@{DOMAIN}").exists():
        return f"This database holds accounts of {DOMAIN} already."
    return ""


def load(size: Size, at: datetime, seed: int, out: Any) -> None:
    """Load that much around the instant; the same rows for the same seed and day."""
    tables = [*TABLES, AUDIT] if size.audit_events else list(TABLES)
    progress = Progress(out, 0)
    with loading(tables, progress.advance) as target, ExitStack() as stack:
        for each in (day_triggers, webhook_triggers):
            stack.enter_context(each.removed())
        directory = Directory.create(size.doctors)
        plan = Plan(size.visits, directory.places, at.astimezone(UTC).date())
        days = list(plan.days())
        people = People(size.patients, len(directory.sites), 1 + _last_key(User))
        progress.total = _cost(
            size, sum(len(list(directory.workday(d.date.weekday()))) for d in days)
        )
        audit = AuditRows(
            size.audit_events, _last_key(AUDIT.model), size.visits, people, directory, seed
        )
        batches = chain(
            in_turn(
                VisitRows(directory, people, at, seed).batches(iter(days), ROWS_PER_BATCH),
                PeopleRows(people, directory, seed).batches(ROWS_PER_BATCH // 4),
            ),
            audit.batches(days[0].date, plan.today, ROWS_PER_BATCH * 2),
        )
        for batch in ahead(batches):
            for table, rows in batch:
                target.append(table, rows)
                progress.copied(len(rows))
    progress.finish()
    SummedDay.objects.sum_days(at, most=len(days))


def in_turn(*sources: Iterator[T]) -> Iterator[T]:
    """Yield an item of each source in turn, until all are exhausted.

    PostgreSQL is busy longer with slots than Python, and Python longer with people: so both work.
    Foreign keys are checked at the end of a load only.
    """
    for items in zip_longest(*sources):
        yield from (item for item in items if item is not None)


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items; a thread makes the next one while the database stores the last one."""
    end = object()
    with ThreadPoolExecutor(max_workers=1) as executor:
        following = executor.submit(next, items, end)
        while (item := following.result()) is not end:
            following = executor.submit(next, items, end)
            yield item  # type: ignore[misc]


def _last_key(model: Any) -> int:
    return model._base_manager.aggregate(last=Max("pk"))["last"] or 0


def _cost(size: Size, sessions: int) -> float:
    """Return about what the load costs, in rows copied."""
    people = size.patients * (1.7 + WORDS_EACH)
    slots = sessions * 9
    visits = size.visits * (1 + EVENTS_PER_VISIT)
    rows = people + sessions + slots + visits + size.audit_events
    if connection.vendor != "postgresql":
        return rows
    return rows * (1 + OBJECTS_EACH * COSTS["index"])
