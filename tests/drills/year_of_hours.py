"""A year of weekly hours for many doctors: the command makes it, and the drill measures."""

import tracemalloc
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db.models import Count, Max

from doctor.models import Doctor, Location, Schedule, Slot, WeeklyHours

NEW_YEAR = datetime(2027, 1, 1, 12, tzinfo=UTC)  # travel to this instant before `materialize`
DAYS = 364  # 52 weeks, which start tomorrow
SLOTS_A_DOCTOR = 52 * 5 * 20
ZONES = ("Europe/Madrid", "America/New_York")


def doctors_with_hours(number: int) -> None:
    """Add this number of doctors, on Monday to Friday, 08:00 to 18:00 in half hours, at two sites.

    The sessions do not exist yet.
    """
    for zone in ZONES:
        Location.objects.get_or_create(name=f"Site in {zone}", time_zone=zone)
    sites, there = list(Location.objects.order_by("pk")), Doctor.objects.count()
    doctors = Doctor.objects.bulk_create(
        Doctor(first_name="Ada", last_name=f"Of year {n}", license_number=f"YEAR-{n}")
        for n in range(there, there + number)
    )
    times = {"start_time": time(8), "end_time": time(18), "slot_minutes": 30}
    WeeklyHours.objects.bulk_create(
        WeeklyHours(
            doctor=doctor,
            location=sites[n % len(sites)],
            weekday=weekday,
            valid_from=date(2027, 1, 1),
            **times,
        )
        for n, doctor in enumerate(doctors)
        for weekday in range(5)
    )


@dataclass(frozen=True)
class State:
    """A summary of the sessions and slots, equal before and after a run that makes none."""

    sessions: int
    slots: int
    newest: int | None

    @classmethod
    def now(cls) -> "State":
        """Read it from the database."""
        found = Slot.objects.aggregate(slots=Count("pk"), newest=Max("pk"))
        return cls(sessions=Schedule.objects.count(), **found)


def materialize(days: int = DAYS) -> str:
    """Run `extend_schedules`, by default for the year, and return its standard output."""
    printed = StringIO()
    call_command("extend_schedules", f"--days={days}", stdout=printed, stderr=StringIO())
    return printed.getvalue()


def peak_of(function: Any) -> int:
    """Return the most memory, in bytes, that Python held at once during the call."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def assert_a_year_of(doctors: int) -> None:
    """Assert that every doctor has all slots once, and that a second run changes nothing."""
    state = State.now()
    assert (state.sessions, state.slots) == (doctors * 52 * 5, doctors * SLOTS_A_DOCTOR)
    each = Slot.objects.values("doctor").annotate(slots=Count("starts_at", distinct=True))
    assert set(each.values_list("slots", flat=True)) == {SLOTS_A_DOCTOR}
    assert materialize().startswith("0 sessions with 0 slots made")
    assert State.now() == state
