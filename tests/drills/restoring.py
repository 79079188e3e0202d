"""Restoring a backup with the commands that docs/operations.md gives."""

import os
import shutil
import subprocess
from pathlib import Path

from tests import binaries


def restore(file: Path, url: str) -> None:
    """Fill the new, empty database at the DATABASE_URL from a backup."""
    if url.startswith("sqlite"):
        shutil.copyfile(file, url.removeprefix("sqlite:///"))
        return
    source = next(binaries.find(os.environ.get("TEST_POSTGRES", "").strip()))
    command = [str(source.folder / "pg_restore"), "--no-owner", "--exit-on-error"]
    done = subprocess.run(
        [*command, "--single-transaction", f"--dbname={url}", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
