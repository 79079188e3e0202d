"""The drill asks about 10,000 cases (rules, slot, instant), and no two answers differ."""

import pytest

from tests.drills.agreement import agree

pytestmark = pytest.mark.django_db


def test_listing_search_explanation_booking_and_moving_agree_in_every_case(sized, report) -> None:
    given = agree(sized(10_000), first_seed=1000, report=report)
    report(f"{given.total():,} cases, none on which two answers differ")
    report(", ".join(f"{reason} {times:,}" for reason, times in given.most_common()))
