"""Requests sent again over the real server: a tenth of the drill."""

import pytest

from tests.drills.repeats import STEPS, assert_each_key_books_once, assert_key_usable_once_killed
from tests.live import Server


def test_each_of_20_keys_sent_eight_times_at_once_books_once(clinic: Server) -> None:
    assert_each_key_books_once(clinic, keys=20, sends=8)


@pytest.mark.parametrize("step", STEPS)
def test_a_key_is_usable_as_soon_as_the_process_that_had_it_is_killed(
    clinic: Server, step: str
) -> None:
    assert_key_usable_once_killed(clinic, 1, step)
