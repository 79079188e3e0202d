"""Old and new code use one database while it migrates forward and back, and no call fails."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drills.releases import NoHistory, Old, change_over, day, done, roll, unpack
from tests.live import Server


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the code of the previous release."""
    folder = tmp_path_factory.mktemp("old") / "code"
    try:
        unpack(folder)
    except NoHistory as reason:
        pytest.skip(f"the release before is not in this clone: {reason}")
    return folder


def test_old_code_runs_with_new_code_on_the_tables_of_the_new(
    clinic: Server, code: Path, tmp_path: Path
) -> None:
    old = Old(code, clinic.url, tmp_path / "log")
    with old.running():
        day(old)
        day(clinic)
        change_over(clinic, old)
        change_over(old, clinic)
    done(clinic, "repair_names")  # docs/operations.md: once the last old process has ended
    assert "I4, I6, I7 hold" in done(clinic, "check_invariants")


def test_no_call_fails_while_a_release_is_put_in_and_taken_back(
    database, code: Path, tmp_path: Path, sized, report: Callable[[str], None]
) -> None:
    url = database.create_database("releases")
    new = Server(url, tmp_path / "new.log", THROTTLE="off")
    roll(Old(code, url, tmp_path / "old.log"), new, sized(10), report)
    report(done(new, "check_invariants").strip())
