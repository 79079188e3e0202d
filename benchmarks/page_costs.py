"""What each page of staff and each public list costs on one database; run by benchmarks.growth.

    python -m benchmarks.page_costs FILE

The pages are found, not listed: those of the admin by its registry (tests/drills/admin_pages.py),
those of the desk and the API by tests/drills/staff_pages.py. Each is opened in this process, three
times for the CPU of Python, and once with the plan of each of its statements, for the time and the
buffers of PostgreSQL. So neither the network nor what else the machine does counts.
"""

# ruff: noqa: E402  (Django is set up before the drills are imported)

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings
from django.test.utils import setup_test_environment
from django.utils import timezone

from tests.drills.admin_pages import pages_of, words_of_clinic
from tests.drills.plans import Meter
from tests.drills.staff_pages import STAFF, Call, Subject, calls_of


def calls(of: Subject) -> Iterator[Call]:
    """Yield all calls, each with a name that is the same on any database."""
    yield from calls_of(of)
    for page in pages_of(of.users[STAFF], words_of_clinic()):
        yield Call(f"admin: {page.model}: {page.name}", page.path, STAFF)


def costs(names: str) -> dict[str, dict[str, Any]]:
    """Return the cost of each call whose name contains the text, by name."""
    of = Subject.choose(timezone.now())
    meter, found = Meter(of), dict[str, dict[str, Any]]()
    for call in calls(of):
        if names not in call.name or call.name in found:
            continue
        cost = meter.measure(call)
        found[call.name] = {
            "path": call.path,
            "status": cost.status,
            "python_ms": round(cost.python_ms, 2),
            "database_ms": round(cost.database_ms, 2),
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
    parser.add_argument("--names", default="", help="only of calls whose name contains this")
    asked = parser.parse_args()
    setup_test_environment(debug=False)
    settings.ALLOWED_HOSTS = ["*"]
    asked.file.write_text(json.dumps(costs(asked.names)))


if __name__ == "__main__":
    main()
