"""Two processes count in one table."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection

from extensions.tests.processes import environ_of_this_database
from tests.live import ROOT

TABLE = "limits_of_drill"


@pytest.fixture
def table(transactional_db: None, settings) -> Iterator[None]:
    """Make a table of counts in the database under test, as production has without CACHE_URL."""
    backend = "extensions.db.cache.DatabaseCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": TABLE}}
    call_command("createcachetable", verbosity=0)
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {TABLE}")


@pytest.mark.usefixtures("table")
def test_counts_of_two_processes_are_one() -> None:
    script = (
        "import django; django.setup()\n"
        "from extensions.db.cache import DatabaseCache\n"
        f"cache = DatabaseCache({TABLE!r}, {{}})\n"
        "print(*(cache.count([('both', 3600)])[0] for _ in range(50)))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=environ_of_this_database(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    answer = [number for process in processes for number in process.communicate()[0].split()]
    assert sorted(map(int, answer)) == list(range(1, 101))
