"""Compare a search bounded by the slots' instants with one bounded by the date of their sessions.

    .venv/bin/python -m benchmarks.search --db postgres --slots 200000

The benchmark makes a database of its own, with the given number of slots of a hundred doctors over
two years. It times the same searches both ways, and removes the database. With `--explain` it
prints the plan of one query.
"""

# ruff: noqa: PLC0415  (it chooses the database before Django loads the models)

import argparse
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall
from statistics import median
from typing import Any

from tests import scratch
from tests.database import choose

DOCTORS, ZONES = 100, ("Europe/Madrid", "America/New_York", "Australia/Lord_Howe")
DAYS, ROUNDS = 730, 15
FIRST = date(2027, 1, 1)


def main() -> None:
    """Make and fill a database, time each search both ways, and print the medians."""
    asked = arguments()
    made = scratch.Folder("clinic-benchmark-")
    database = choose(asked.db, made.path)
    try:
        use(database.url())
        fill(asked.slots)
        print(f"{database.describe()}\n{asked.slots:,} slots of {DOCTORS} doctors")
        for name, ways in questions().items():
            figures = (f"{way} {seconds(ask) * 1000:7.1f} ms" for way, ask in ways.items())
            print(f"{name:<36} {', '.join(figures)}")
        if asked.explain:
            print(page_far_on().explain(**({"analyze": True} if asked.db == "postgres" else {})))
    finally:
        stop(database)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="postgres")
    parser.add_argument("--slots", type=int, default=200_000)
    parser.add_argument("--explain", action="store_true", help="show the plan of a page far on")
    return parser.parse_args()


def use(url: str) -> None:
    """Set Django up on the database, and apply the migrations."""
    os.environ.update(DATABASE_URL=url, CACHE_URL="locmemcache://", ENVIRONMENT="demo")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def stop(database: Any) -> None:
    from django.db import connections

    connections.close_all()
    database.stop()


def fill(slots: int) -> None:
    """Make sessions of all doctors on every day, cut into this number of slots in all."""
    from django.db import connection

    from doctor.models import Doctor, Location, Slot

    Doctor.objects.bulk_create(
        Doctor(first_name="A", last_name=f"B{n}", license_number=f"L{n}") for n in range(DOCTORS)
    )
    Location.objects.bulk_create(Location(name=zone, time_zone=zone) for zone in ZONES)
    Slot.objects.bulk_create(made(slots // (DOCTORS * DAYS) + 1, slots), batch_size=5000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def made(a_session: int, slots: int) -> Iterator[Any]:
    """Create the sessions and yield their unsaved slots, `a_session` each, `slots` in all."""
    from doctor.models import Doctor, Location, Slot
    from doctor.wall_time import instant_of

    doctors, places, count = list(Doctor.objects.all()), list(Location.objects.all()), 0
    for day in (FIRST + timedelta(days=n) for n in range(DAYS)):
        for session in sessions(day, doctors, places):
            start = instant_of(day, wall(9), session.location.zone)
            for n in range(a_session):
                begin, count = start + n * timedelta(minutes=20), count + 1
                ends = {"starts_at": begin, "ends_at": begin + timedelta(minutes=20)}
                whose = {"doctor": session.doctor, "location": session.location}
                if count <= slots:
                    yield Slot(schedule=session, capacity=1, **whose, **ends)


def sessions(day: date, doctors: list[Any], places: list[Any]) -> list[Any]:
    from doctor.models import Schedule

    hours = {"date": day, "start_time": wall(9), "end_time": wall(17), "slot_minutes": 20}
    return Schedule.objects.bulk_create(
        Schedule(doctor=doctor, location=places[doctor.pk % len(places)], **hours)
        for doctor in doctors
    )


def questions() -> dict[str, dict[str, Callable[[], Any]]]:
    """Map the name of each search to the two queries that are compared, each by its name."""
    from doctor.models import Doctor

    one, far_on = {"doctor": Doctor.objects.earliest("pk")}, page_far_on()
    return {
        "from a day far ahead, first page": {
            "by instants": lambda: list(by_instants(WHEN)[:21]),
            "by date": lambda: list(by_date(WHEN)[:21]),
        },
        "two days of everybody, first page": {
            "by instants": lambda: list(by_instants(WHEN, NEXT)[:21]),
            "by date": lambda: list(by_date(WHEN, NEXT)[:21]),
        },
        "two days of one doctor": {
            "by instants": lambda: list(by_instants(WHEN, NEXT).filter(**one)),
            "by date": lambda: list(by_date(WHEN, NEXT).filter(**one)),
        },
        "page 2,501 of all": {
            "by keyset": lambda: list(far_on.all()),
            "by offset": lambda: list(everything()[FAR : FAR + 21]),
        },
    }


def by_instants(first: date, last: date | None = None) -> Any:
    from doctor.models import Location, Slot

    return free(Slot.objects.between(first, last, Location.objects.all()))


def by_date(first: date, last: date = date.max) -> Any:
    from doctor.models import Slot

    return free(Slot.objects.filter(schedule__date__range=(first, last)))


def everything() -> Any:
    from doctor.models import Slot

    return free(Slot.objects.all())


def free(slots: Any) -> Any:
    return slots.bookable(NOW).order_by("starts_at", "pk").slot_rows(NOW, "doctor")


def page_far_on() -> Any:
    from doctor.models.search import beyond

    row = everything()[FAR - 1]
    return beyond(everything(), row["starts_at"], row["id"], forward=True)[:21]


WHEN, FAR = FIRST + timedelta(days=400), 50_000
NEXT = WHEN + timedelta(days=1)
NOW = datetime(2027, 1, 1, tzinfo=UTC)


def seconds(work: Callable[[], object]) -> float:
    """Return the median time of ROUNDS calls, in seconds."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return median(took)


if __name__ == "__main__":
    main()
