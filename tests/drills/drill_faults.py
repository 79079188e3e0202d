"""A line that is slow, breaks and falls silent; ten primaries killed. At full size."""

import pytest

pytestmark = pytest.mark.only_on("postgres")


def test_a_slow_line_loses_nothing(line, sized, tell) -> None:
    line(tell).is_slow(0.2, sized(20))


def test_a_line_that_breaks_in_mid_transaction_acknowledges_nothing_false(
    line, sized, tell
) -> None:
    line(tell).breaks(sized(20))


def test_a_line_that_is_silent_for_10_seconds_sticks_nobody(line, tell) -> None:
    line(tell).falls_silent(10)


def test_a_synchronous_standby_that_takes_over_has_all_and_one_that_lags_has_not(
    relay, sized, tell
) -> None:
    relay.tell = tell
    for _ in range(sized(10)):
        relay.round(synchronous=True)
    relay.load.assert_kept()
    relay.load.assert_told_properly()
    for _ in range(sized(2)):
        relay.round(synchronous=False)
    lost = relay.load.lost()
    tell(f"control: {len(lost)} of {len(relay.load.ledger)} acknowledged visits lost")
    assert lost
