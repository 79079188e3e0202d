"""The whole suite, the races in it too, through PgBouncer in transaction mode."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.live import ROOT, environ
from tests.programs import tied_to_this_process

SECONDS = 2400  # a whole run may take
USAGE_ERROR = 4


@pytest.mark.only_on("postgres")
def test_the_whole_suite_passes_through_pgbouncer(tell: Callable[[str], None]) -> None:
    command = ["timeout", str(SECONDS), sys.executable, "-u", "-m", "pytest", "--db=pgbouncer"]
    process = subprocess.Popen(
        [*command, "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=tied_to_this_process(),  # noqa: PLW1509  (no other thread runs yet)
    )
    assert process.stdout
    said: list[str] = []
    with process:
        for line in process.stdout:
            tell(line.rstrip())
            said.append(line)
    if process.returncode == USAGE_ERROR and "pgbouncer" in said[-1].lower():
        pytest.skip(f"PgBouncer is left out: {said[-1].strip()}")
    assert process.returncode == 0, "".join(said[-50:])
