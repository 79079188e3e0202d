"""Each page of the desk and each list of the API reads as much in an old clinic as in a young one.

The young clinic has half a million visits, the old one ten million; `--scale=0.01` takes a
hundredth of the young one, and an old one four times as large. Both have as many doctors, and what
a page shows is of the same size in both. So a page reads at most GROWTH times as many buffers in
the old one, and a few that a deeper index or another plan adds. The time of the server is reported,
and at most LIMIT in the old clinic.

PostgreSQL only: SQLite has no count of what it reads.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from appointment.models import SummedDay
from tests.drills.conftest import Sized
from tests.drills.grown_clinic import Size, fill
from tests.drills.plans import Cost, Meter
from tests.drills.staff_pages import Subject, calls_of
from tests.flush import Flush

pytestmark = pytest.mark.django_db(transaction=True)

YOUNG, OLD, DOCTORS = 500_000, 10_000_000, 400
GROWTH = 1.15
NAMES = 2500  # buffers: in a small clinic fewer people have a common name than a search reads
PLANS = 1000  # buffers, a millisecond: a deeper index, or look-ups where a small table was read
LIMIT = 150  # milliseconds
# The exact count of all sessions is a count of all rows of an index.
COUNTED = {"sessions", "sessions, a later page", "staff: sessions"}


@pytest.fixture(autouse=True)
def only_ours(settings: Any) -> None:
    """Measure without the middleware of the suite, and without limits."""
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if not each.startswith("zeal")]


def costs(size: Size, report: Callable[[str], None]) -> dict[str, Cost]:
    """Fill the database, and measure every call."""
    at = datetime.now(UTC)
    fill(size, at)
    SummedDay.objects.sum_days(at, most=400)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    of = Subject.choose(at)
    meter = Meter(of)
    found = {}
    for call in calls_of(of):
        found[call.name] = cost = meter.measure(call)
        report(f"{call.name:45} {line(cost)}")
        assert cost.status < 300, call
    return found


def line(cost: Cost) -> str:
    """Return the cost in a line of the table."""
    return (
        f"{cost.statements:3} statements {cost.buffers:8,} buffers {cost.rows:10,} rows "
        f"{cost.database_ms:7.1f} + {cost.python_ms:6.1f} ms"
    )


def test_no_page_reads_more_of_an_older_clinic(
    sized: Sized, flush: Flush, report: Callable[[str], None]
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no count of what it reads")
    doctors = max(40, sized(DOCTORS))  # as many days in the younger clinic at any scale
    report("young:")
    young = costs(Size(sized(YOUNG), doctors), report)
    flush()
    report("old:")
    is_whole = sized(YOUNG) >= YOUNG
    old = costs(Size(OLD if is_whole else 4 * sized(YOUNG), doctors), report)
    plans = PLANS if is_whole else NAMES
    grown = {
        name: (young[name].buffers, cost.buffers)
        for name, cost in old.items()
        if cost.buffers > GROWTH * young[name].buffers + plans and name not in COUNTED
    }
    slow = {name: cost.ms for name, cost in old.items() if cost.ms > LIMIT}
    report(f"slow: {slow}")
    assert not grown
