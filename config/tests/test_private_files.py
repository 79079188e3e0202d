"""A demo keeps `var/` and all files in it from other users of the machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.management.commands.serve import restrict_files

ROOT = Path(__file__).resolve().parents[2]
# A script that writes the files of a demo: the lock, two SQLite databases and a mail.
DEMO = """
import os
from django.core.mail import send_mail
from django.db import connections
from config.management.commands.serve import startup_lock
with startup_lock():
    for connection in connections.all():
        connection.cursor().execute("CREATE TABLE example (id integer)")
    send_mail("Subject", "Text", None, ["ana@example.com"])
    for folder, folders, files in os.walk("var"):
        for name in [folder, *(f"{folder}/{name}" for name in files)]:
            print(oct(os.stat(name).st_mode & 0o777), name)
"""


def copy_of_project(folder: Path) -> Path:
    """Make a project with its own `var/`: a copy of `config`, symbolic links to the other apps."""
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copy(ROOT / "manage.py", folder)
    for name in ("accounts", "appointment", "doctor", "extensions", "patient"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def modes_after_a_run(folder: Path) -> dict[str, str]:
    unset = ("DATABASE_URL", "CACHE_URL", "EMAIL_URL", "SECRET_KEY", "ENVIRONMENT")
    variables = {name: value for name, value in os.environ.items() if name not in unset}
    process = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "--command", DEMO],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        umask=0o022,
    )
    assert process.returncode == 0, process.stderr
    return {name: mode for mode, name in (line.split() for line in process.stdout.splitlines())}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_of_project(tmp_path)


def test_a_demo_s_files_are_for_its_user_alone(project: Path) -> None:
    modes = modes_after_a_run(project)
    folders = {"var", "var/static", "var/mail"}
    databases = {
        f"var/{name}.sqlite3{suffix}"
        for name in ("db", "db.limits")
        for suffix in ("", "-wal", "-shm")
    }
    assert modes.keys() >= {*folders, *databases, "var/secret_key", "var/serve.lock"}
    assert any(name.startswith("var/mail/") for name in modes)
    assert {name for name in modes if modes[name] == "0o700"} == folders
    assert {modes[name] for name in modes.keys() - folders} == {"0o600"}


def test_files_that_an_older_version_made_readable_become_private(project: Path) -> None:
    var = project / "var"
    (var / "mail").mkdir(parents=True)
    for name in ("db.sqlite3", "mail/old.log"):
        (var / name).touch()
    for path in (var, *var.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    modes = modes_after_a_run(project)
    assert (modes["var"], modes["var/mail"]) == ("0o700", "0o700")
    assert (modes["var/db.sqlite3"], modes["var/mail/old.log"]) == ("0o600", "0o600")


def test_symbolic_links_in_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "var"
    folder.mkdir()
    outside.touch()
    outside.chmod(0o644)
    (folder / "link").symlink_to(outside)
    restrict_files(folder)
    assert outside.stat().st_mode & 0o777 == 0o644
