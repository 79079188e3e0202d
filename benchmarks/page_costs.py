"""What each page of staff and each public list costs on one database; run by benchmarks.growth.

    python -m benchmarks.page_costs FILE

The pages are found, not listed: those of the admin by its registry (tests/drills/admin_pages.py),
those of the desk and the API by tests/drills/staff_pages.py. Each is opened in this process: some
times for the CPU of Python and of PostgreSQL's backend, and once with the plan of each of its
statements, for the buffers. So neither the network nor what else the machine does counts.
PostgreSQL runs on this machine, and without parallel workers, whose CPU would not be seen.
"""

# ruff: noqa: E402  (Django is set up before the drills are imported)

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings
from django.db import connection
from django.utils import timezone

from benchmarks.existing import on_cpu
from tests.drills.admin_pages import pages_of, words_of_clinic
from tests.drills.plans import Meter, read_all, rolled_back
from tests.drills.staff_pages import STAFF, Call, Subject, calls_of

ROUNDS = 3


def calls(of: Subject) -> Iterator[Call]:
    """Yield all calls, each with a name that is the same on any database."""
    yield from calls_of(of)
    for page in pages_of(of.users[STAFF], words_of_clinic()):
        yield Call(f"admin: {page.model}: {page.name}", page.path, STAFF)


def cpu_ms(meter: Meter, call: Call) -> tuple[float, float]:
    """Return the CPU of Python and of the backend for a call: the least of some rounds."""
    backend, taken = connection.connection.info.backend_pid, []
    for _ in range(ROUNDS):
        with rolled_back():
            began = time.thread_time(), on_cpu(backend)
            read_all(meter.send(call))
            taken.append((time.thread_time() - began[0], on_cpu(backend) - began[1]))
    python, database = (1000 * min(each) for each in zip(*taken, strict=True))
    return round(python, 1), round(database, 1)


def costs(names: list[str]) -> dict[str, dict[str, Any]]:
    """Return the cost of each call whose name begins with one of the texts, by name."""
    of = Subject.choose(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
    meter, found = Meter(of), dict[str, dict[str, Any]]()
    for call in calls(of):
        if not call.name.startswith(tuple(names)) or call.name in found:
            continue
        cost, (python, database) = meter.measure(call, rounds=1), cpu_ms(meter, call)
        found[call.name] = {
            "path": call.path,
            "status": cost.status,
            "python_ms": python,
            "database_ms": database,
            "statements": cost.statements,
            "buffers": cost.buffers,
            "rows": cost.rows,
            "slowest": [(round(ms, 1), sql[:1500]) for ms, _, sql, _ in cost.plans[:2] if ms > 10],
        }
        if len(found) % 100 == 0:
            print(f"  {len(found)} pages", file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--names", nargs="*", default=[""], help="beginnings of their names")
    asked = parser.parse_args()
    settings.ALLOWED_HOSTS = ["*"]
    asked.file.write_text(json.dumps(costs(asked.names)))


if __name__ == "__main__":
    main()
