"""Facts that README states."""

import re
import subprocess

from tests.live import ROOT, Server
from tests.routes import api_routes

README = (ROOT / "README.md").read_text()


def test_the_commands_of_the_readme_book_and_cancel(clinic: Server) -> None:
    marked = re.search(r"<!-- commands:.*?-->\n```sh\n(.*?)```", README, re.DOTALL)
    assert marked
    script = marked[1].replace("http://127.0.0.1:8000", clinic.base)
    command = ["sh", "-eu", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    booked, canceled = done.stdout.splitlines()
    assert '"status":"scheduled"' in booked
    assert '"reason":"Check-up"' in booked
    assert '"status":"canceled"' in canceled
    assert '"cancel_reason":"I feel well again"' in canceled


def test_the_table_of_endpoints_names_every_route_and_method() -> None:
    rows = re.findall(r"^\| (`/api/.*?) \| (.*?) \|", README, re.MULTILINE)
    reported = set()
    for paths, methods in rows:
        first, *more = re.findall(r"`(.*?)`", paths)
        listed = [first, *(path if path.startswith("/api/") else first + path[1:] for path in more)]
        allowed = re.findall(r"GET|POST|PUT|PATCH|DELETE", methods)
        reported |= {(path, method) for path in listed for method in allowed}
    missing = {
        (path, method) for path, methods in api_routes().items() for method in methods
    } - reported
    assert not missing
