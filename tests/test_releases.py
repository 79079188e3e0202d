"""The release before can run on today's tables: a tenth of the drill."""

from pathlib import Path

import pytest

from tests.drills.releases import NoHistory, Old, change_over, day, done, unpack
from tests.live import Server


@pytest.fixture
def old(clinic: Server, tmp_path: Path) -> Old:
    """A server of the release before, on the database of today's."""
    try:
        unpack(tmp_path / "code")
    except NoHistory as reason:
        pytest.skip(f"the release before is not in this clone: {reason}")
    return Old(tmp_path / "code", clinic.url, tmp_path / "log")


def test_old_code_runs_beside_new_on_the_tables_of_the_new(clinic: Server, old: Old) -> None:
    with old.running():
        day(old)
        day(clinic)
        change_over(clinic, old)
        change_over(old, clinic)
    assert "I1 to I4 hold" in done(clinic, "check_invariants")
