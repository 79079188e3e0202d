"""A line that breaks and falls silent, a primary that is killed: the drills, small."""

import pytest

pytestmark = pytest.mark.only_on("postgres")


def test_a_line_that_breaks_and_falls_silent_loses_nothing_and_sticks_nobody(line) -> None:
    line().breaks(3)
    line().falls_silent(10)


def test_a_synchronous_standby_that_takes_over_has_all_and_one_that_lags_has_not(relay) -> None:
    relay.round(synchronous=True)
    relay.load.assert_kept()
    relay.load.assert_told_properly()
    relay.round(synchronous=False)
    assert relay.load.lost()
