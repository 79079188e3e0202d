"""`manage.py serve`, as `make run` calls it."""

import socket
import subprocess
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from config import health
from config.management.commands import serve
from tests.live import ROOT, Server, environ, free_port
from tests.templates import Templates
from tests.test_start import run

# --- The port -------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80.5", "1" * 5000])
def test_an_invalid_port_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(CommandError, match="PORT must be a whole number from 1 to 65535"):
        serve.chosen_port()


@pytest.mark.parametrize(("given", "port"), [("", 8000), ("18001", 18001), (" 65535 ", 65535)])
def test_the_port_is_8000_or_the_given_one(
    monkeypatch: pytest.MonkeyPatch, given: str, port: int
) -> None:
    monkeypatch.setenv("PORT", given)
    assert serve.chosen_port() == port


def test_a_taken_port_is_reported_before_the_database_is_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server((serve.HOST, 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        with pytest.raises(CommandError, match=rf"^Port {port} is taken; .* PORT=\d+ make run$"):
            call_command("serve")


def test_a_port_in_time_wait_is_free() -> None:
    with socket.create_server((serve.HOST, 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((serve.HOST, port))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first is the one that waits
        client.close()
    with socket.socket() as strict, pytest.raises(OSError, match="in use"):
        strict.bind((serve.HOST, port))
    serve.refuse_taken(port)


# --- Obstacles to a start -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgres://me:s3cret@127.0.0.1:1/clinic", "The PostgreSQL database 'clinic' cannot"),
        ("sqlite:////nowhere/clinic.db", "The SQLite database '/nowhere/clinic.db' cannot"),
        ("mysql://me:s3cret@host/clinic", "DATABASE_URL must read"),
    ],
)
def test_an_unreachable_database_is_reported_in_one_line(url: str, sentence: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "serve"],
        cwd=ROOT,
        env=environ(PORT=str(free_port()), DATABASE_URL=url),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    assert sentence in line
    assert "s3cret" not in line


def test_production_without_collected_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "lacks_static_files", lambda: True)
    with pytest.raises(CommandError, match="collectstatic"):
        serve.refuse_without_static_files()


# --- A real start ---------------------------------------------------------------------------------


def test_from_an_empty_database_to_a_booking(clinic: Server, templates: Templates) -> None:
    first, box = templates.first_start(), clinic.box
    assert "Applying appointment.0001_initial" in first
    assert first.count("+---") == 2, "the box was not printed once"
    assert f"{clinic.base}/api/docs/" in box
    for path in ("/static/config/start.css", "/static/admin/css/base.css", "/api/docs/"):
        assert clinic.get(path)[0] == 200
    assert run(box[box.index("CLINIC=") :])["status"] == "scheduled"


def test_a_second_start_migrates_and_seeds_nothing(clinic: Server) -> None:
    assert clinic.box.startswith("+---"), "it migrated or seeded again"
