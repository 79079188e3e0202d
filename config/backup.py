"""A copy of the live database in one file, by SQLite's backup API or PostgreSQL's pg_dump.

Both copy one instant of the database and block no writer. The password reaches pg_dump through its
environment, which other users of the machine cannot read.
"""

import os
import re
import shutil
import sqlite3
import subprocess  # nosec B404  # to run PostgreSQL's own programs, by their path
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from django.db import Error, connection, transaction
from psycopg2.extensions import make_dsn

INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
SECONDS = 20  # that SQLite may wait for a lock of another process


class BackupFailed(Exception):
    """No backup was made. The message says why, and contains no password."""


def make(target: Path) -> int:
    """Write a verified copy of the database to a new, private file; return its size in bytes.

    The file gets its name when the copy is complete, verified and on disk. Raises BackupFailed, and
    then leaves no file.
    """
    if target.exists():
        raise BackupFailed(f"{target} is there already, and is not overwritten")
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.name}.", suffix=".part", dir=target.parent
        )
    except OSError as error:
        raise BackupFailed(f"{target.parent}: {error.strerror}") from error
    draft = Path(name)
    try:
        WAYS[connection.vendor](draft)
        os.fsync(handle)
        _name(draft, target)
    finally:
        os.close(handle)
        draft.unlink(missing_ok=True)
    return target.stat().st_size


def _name(draft: Path, target: Path) -> None:
    """Give the draft its final name; raises BackupFailed if a file with that name exists by now."""
    try:
        try:
            os.link(draft, target)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            target.touch(exist_ok=False)
            draft.replace(target)
    except OSError as error:
        raise BackupFailed(f"{target}: {error.strerror}") from error
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# --- SQLite ---------------------------------------------------------------------------------------


def _copy_sqlite(draft: Path) -> None:
    """Copy all pages in one step: in several, each write in between would restart the copy."""
    source = Path(connection.settings_dict["NAME"]).resolve()
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", SECONDS, uri=True)) as live,
            closing(sqlite3.connect(draft)) as copy,
        ):
            live.backup(copy, pages=-1)
        _verify_sqlite(draft)
    except sqlite3.Error as error:
        raise BackupFailed(f"SQLite: {error}") from error


def _verify_sqlite(draft: Path) -> None:
    """Read the whole copy; raises BackupFailed if it is corrupt."""
    uri = f"{draft.resolve().as_uri()}?mode=ro&immutable=1"  # creates no -wal and -shm
    with closing(sqlite3.connect(uri, uri=True)) as copy:
        [said] = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if said != "ok":
        raise BackupFailed(f"the copy is broken: {said}")


# --- PostgreSQL -----------------------------------------------------------------------------------


def _dump_postgres(draft: Path) -> None:
    """Dump in pg_dump's custom format, then let pg_restore read the whole dump to verify it.

    Raises BackupFailed if Django connects through PgBouncer: pg_dump would leave its search_path
    on a shared connection.
    """
    if connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:
        raise BackupFailed(
            "give the server's own DATABASE_URL, and no PGBOUNCER: pg_dump needs a session"
        )
    programs, where = _programs(), dict(connection.get_connection_params())
    secret = {"PGPASSWORD": where["password"]} if where.get("password") else {}
    ours = [name for name in where if name.endswith(("password", "_factory"))]
    public = {name: value for name, value in where.items() if name not in ours}
    options = ["--format=custom", "--no-password", f"--file={draft}"]
    _run(programs / "pg_dump", *options, f"--dbname={make_dsn(**public)}", **secret)
    _run(programs / "pg_restore", f"--file={os.devnull}", str(draft))


def _run(program: Path, *arguments: str, **variables: str) -> None:
    """Run a program of PostgreSQL; raises BackupFailed with its standard error if it fails."""
    done = subprocess.run(  # nosec B603  # a program of PostgreSQL and words of ours
        [program, *arguments],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip() or f"exit status {done.returncode}"
        raise BackupFailed(f"{program.name}: {said}")


def _programs() -> Path:
    """Return the folder of a pg_dump not older than the server; raises BackupFailed without one."""
    wanted = _major_of_server()
    found = {folder: version for folder in folders() if (version := major(folder))}
    for folder, version in found.items():
        if version >= wanted:
            return folder
    seen = ", ".join(f"{version} in {folder}" for folder, version in found.items()) or "none"
    raise BackupFailed(f"pg_dump {wanted} or newer is needed for this server; found: {seen}")


def _major_of_server() -> int:
    try:
        connection.ensure_connection()
    except Error as error:
        raise BackupFailed(str(error).strip().partition("\n")[0]) from error
    server: Any = connection
    return int(server.pg_version) // 10_000


def folders() -> Iterator[Path]:
    """Yield the folders where pg_dump may be, the one that the server itself names first."""
    if folder := _folder_of_server():
        yield Path(folder)
    if program := shutil.which("pg_dump"):
        yield Path(program).resolve().parent
    for pattern in INSTALLED:
        yield from Path("/").glob(pattern.removeprefix("/"))


def _folder_of_server() -> str:
    """Return the folder of the server's own programs, or "" if this user may not read it."""
    with suppress(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        return str(cursor.fetchone()[0])
    return ""


def major(folder: Path) -> int:
    """Return the major version of the folder's pg_dump; 0 if none runs there."""
    with suppress(OSError):
        done = subprocess.run(  # nosec B603  # fixed words
            [folder / "pg_dump", "--version"], capture_output=True, text=True, check=False
        )
        if number := re.search(r"\d+", done.stdout):
            return int(number.group())
    return 0


WAYS = {"sqlite": _copy_sqlite, "postgresql": _dump_postgres}
