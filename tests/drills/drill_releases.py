"""Old code and new on one database, while it is migrated, and back: no call fails."""

import pytest

from tests.drills.releases import NoHistory, Old, done, roll, unpack
from tests.live import Server


def test_no_call_fails_while_a_release_is_put_in_and_taken_back(
    database, tmp_path, sized, tell
) -> None:
    try:
        tell(f"the release before: {unpack(tmp_path / 'code')}")
    except NoHistory as reason:
        pytest.skip(f"the release before is not in this clone: {reason}")
    url = database.create_database("releases")
    new = Server(url, tmp_path / "new.log", THROTTLE="off")
    roll(Old(tmp_path / "code", url, tmp_path / "old.log"), new, sized(10), tell)
    tell(done(new, "check_invariants").strip())
