"""README says what is so."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.database import Database
from tests.live import ROOT, Server
from tests.routes import api_routes

README = (ROOT / "README.md").read_text()


@pytest.mark.only_on("sqlite")
def test_the_commands_of_the_readme_book_and_cancel(database: Database, tmp_path: Path) -> None:
    marked = re.search(r"<!-- commands:.*?-->\n```sh\n(.*?)```", README, re.DOTALL)
    assert marked
    server = Server(database.create_database("readme"), tmp_path / "log")
    script = marked[1].replace("http://127.0.0.1:8000", server.base)
    with server.running():
        done = subprocess.run(
            ["sh", "-eu", "-c", script], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.stderr == ""
    booked, canceled = done.stdout.splitlines()
    assert '"status":"scheduled"' in booked
    assert '"reason":"Check-up"' in booked
    assert '"status":"canceled"' in canceled
    assert '"cancel_reason":"I feel well again"' in canceled


def test_the_table_of_endpoints_names_every_route_and_method() -> None:
    rows = re.findall(r"^\| (`/api/.*?) \| (.*?) \|", README, re.MULTILINE)
    told = set()
    for paths, methods in rows:
        first, *more = re.findall(r"`(.*?)`", paths)
        listed = [first, *(path if path.startswith("/api/") else first + path[1:] for path in more)]
        allowed = re.findall(r"GET|POST|PUT|PATCH|DELETE", methods)
        told |= {(path, method) for path in listed for method in allowed}
    missing = {
        (path, method) for path, methods in api_routes().items() for method in methods
    } - told
    assert not missing
