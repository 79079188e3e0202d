"""`manage.py backup` writes a whole, private, verified file, or no file."""

import errno
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from config import backup

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

FAILING = """#!/bin/sh
if [ "$1" = --version ]; then echo 99; exit; fi
echo "$@" >{folder}/call
echo "$PGPASSWORD" >{folder}/password
echo refused >&2
exit 1
"""


def tables(file: Path) -> str:
    """Return text that names the backup's tables: all names on SQLite, else `pg_restore --list`."""
    if connection.vendor == "sqlite":
        copy = sqlite3.connect(file)
        names = copy.execute("SELECT group_concat(name) FROM sqlite_master").fetchone()[0]
        copy.close()
        return str(names)
    program = next(folder for folder in backup.folders() if backup.major(folder)) / "pg_restore"
    return subprocess.check_output([program, "--list", file], text=True)


@pytest.mark.usefixtures("direct")
def test_a_backup_is_one_private_file_that_holds_the_tables(tmp_path: Path) -> None:
    file = tmp_path / "clinic.backup"
    call_command("backup", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert "appointment_appointment" in tables(file)
    assert list(tmp_path.iterdir()) == [file]


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "clinic.backup"
    file.write_text("of yesterday")
    with pytest.raises(CommandError, match="is there already"):
        call_command("backup", str(file))
    assert file.read_text() == "of yesterday"


def test_a_file_made_during_the_backup_is_not_overwritten(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "clinic.backup"
    monkeypatch.setitem(backup.WAYS, connection.vendor, lambda draft: file.write_text("another's"))
    with pytest.raises(CommandError, match="File exists"):
        call_command("backup", str(file))
    assert (file.read_text(), list(tmp_path.iterdir())) == ("another's", [file])


@pytest.mark.usefixtures("direct")
def test_a_backup_works_on_a_file_system_without_hard_links(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(*paths: Path) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr("os.link", refused)
    file = tmp_path / "clinic.backup"
    call_command("backup", str(file))
    assert "appointment_appointment" in tables(file)
    assert list(tmp_path.iterdir()) == [file]


def test_an_absent_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        call_command("backup", str(tmp_path / "nowhere" / "clinic.backup"))


@pytest.mark.only_on("sqlite")
def test_a_damaged_copy_is_not_accepted_as_a_backup(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    verify = backup._verify_sqlite

    def spoil(draft: Path) -> None:
        page = draft.read_bytes()[4096:8192]
        draft.write_bytes(draft.read_bytes().replace(page, bytes(reversed(page))))
        verify(draft)

    monkeypatch.setattr(backup, "_verify_sqlite", spoil)
    with pytest.raises(CommandError, match="No backup"):
        call_command("backup", str(tmp_path / "clinic.backup"))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the only folder that is searched: its fake pg_dump 99 records its call and fails."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "pg_dump"
    script.write_text(FAILING.format(folder=folder))
    script.chmod(0o755)
    monkeypatch.setattr(backup, "folders", lambda: iter([folder]))
    return folder


@pytest.mark.only_on("postgres")
@pytest.mark.usefixtures("direct")
def test_a_password_is_neither_on_the_command_line_nor_in_the_output(
    monkeypatch: pytest.MonkeyPatch, programs: Path, tmp_path: Path
) -> None:
    parameters: dict[str, Any] = {**connection.get_connection_params(), "password": "s3cret"}
    monkeypatch.setattr(connection, "get_connection_params", lambda: parameters)
    with pytest.raises(CommandError, match="pg_dump: refused") as refusal:
        call_command("backup", str(tmp_path / "clinic.backup"))
    assert "s3cret" not in (programs / "call").read_text() + str(refusal.value)
    assert (programs / "password").read_text() == "s3cret\n"
    assert list(tmp_path.iterdir()) == [programs]


@pytest.mark.only_on("postgres")
@pytest.mark.usefixtures("direct")
def test_a_pg_dump_older_than_the_server_is_not_used(
    monkeypatch: pytest.MonkeyPatch, programs: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(backup, "_major_of_server", lambda: 100)
    with pytest.raises(CommandError, match=r"pg_dump 100 or newer is needed .* 99 in"):
        call_command("backup", str(tmp_path / "clinic.backup"))
    assert not (programs / "call").exists()


@pytest.mark.only_on("postgres")
def test_a_backup_through_pgbouncer_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    with pytest.raises(CommandError, match="the server's own DATABASE_URL"):
        call_command("backup", str(tmp_path / "clinic.backup"))
