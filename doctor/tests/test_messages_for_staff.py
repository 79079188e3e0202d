"""What the calendar tells staff names a way out, and never tells them to call the location."""

import pytest

from doctor import exceptions
from doctor.exceptions import REFUSALS
from extensions.exceptions import DomainError

OVERRIDABLE = ("past", "too_soon", "too_far", "too_many", "full")  # with a reason
FOR_STAFF = (
    exceptions.ScheduleOverlap,
    exceptions.ScheduleInUse,
    exceptions.HoursInUse,
    exceptions.HoursOverlap,
    exceptions.LocationInUse,
)
WAYS = ("Choose", "Change", "choose", "Move", "delete", "Look", "Give", "give", "Take the mark")


@pytest.mark.parametrize("reason", REFUSALS)
def test_a_refused_booking_has_a_sentence_for_staff(reason: str) -> None:
    refusal = REFUSALS[reason]
    said = refusal.__dict__["staff_message"]
    assert said != refusal.message
    assert any(way in said for way in WAYS)
    assert ("override reason" in said) is (reason in OVERRIDABLE)


@pytest.mark.parametrize("refusal", FOR_STAFF)
def test_a_refused_change_of_the_calendar_names_a_way_out(refusal: type[DomainError]) -> None:
    assert any(way in refusal.message for way in WAYS)


def test_no_message_of_the_calendar_to_staff_says_to_call_the_location() -> None:
    kinds = [kind for kind in vars(exceptions).values() if isinstance(kind, type)]
    said = [vars(kind).get("staff_message") or vars(kind).get("message", "") for kind in kinds]
    assert not [sentence for sentence in said if "call the location" in sentence.lower()]
