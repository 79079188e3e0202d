"""Clients send each of 200 keys eight times at once, and drills kill processes during a booking."""

import pytest

from tests.drills.repeats import STEPS, assert_each_key_books_once, assert_key_usable_once_killed


def test_each_of_200_keys_sent_eight_times_at_once_books_once(clinic, sized, report) -> None:
    keys = sized(200)
    seconds = assert_each_key_books_once(clinic, keys, sends=8)
    report(f"{keys} keys sent 8 times each: {keys} appointments, in {seconds:.1f} s")


@pytest.mark.parametrize("step", STEPS)
def test_an_idempotency_key_is_free_once_its_process_is_killed(
    clinic, sized, report, step: str
) -> None:
    assert_key_usable_once_killed(clinic, sized(10), step, report)
