"""Single conditions of the booking rules, at their boundaries."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from doctor.models import Slot, booking_rules
from doctor.models.booking_rules import BookingContext, horizon_end
from doctor.tests.factories import LocationFactory, ScheduleFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

INSTANT = timedelta(microseconds=1)


@pytest.fixture
def slots() -> list[Slot]:
    """Return four slots of half an hour, three days ahead."""
    return list(ScheduleFactory().slots.order_by("starts_at"))


def bookable(slots: list[Slot], **known: object) -> list[bool]:
    """Return for each slot whether it can be booked by a BookingContext with the `known` fields."""
    context = BookingContext(**{"at": timezone.now(), "locations": (slots[0].location,), **known})
    found = set(Slot.objects.bookable_in(context).values_list("pk", flat=True))
    return [slot.pk in found for slot in slots]


def test_slots_that_overlap_any_of_many_visits_are_not_bookable(
    slots: list[Slot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(booking_rules, "SPANS_AT_ONCE", 1)
    visits = tuple((slot.starts_at, slot.ends_at) for slot in (slots[0], slots[2]))
    assert bookable(slots, visits=visits) == [False, True, False, True]


def test_only_slots_that_begin_within_the_horizon_are_bookable(slots: list[Slot]) -> None:
    place = LocationFactory(horizon_days=3)
    near, far = (
        ScheduleFactory(location=place, date=(timezone.now() + timedelta(days=days)).date())
        for days in (1, 9)
    )
    some = [near.slots.earliest("pk"), far.slots.earliest("pk")]
    assert bookable(some, locations=(place,)) == [True, False]
    later = timezone.now() + timedelta(days=7)
    assert bookable(some, at=later, locations=(place,)) == [False, True]


def test_a_location_without_a_horizon_has_no_last_day() -> None:
    with pytest.raises(ValueError, match="no horizon"):
        horizon_end(LocationFactory(), timezone.now())


def test_slots_that_share_some_time_overlap(slots: list[Slot]) -> None:
    first = slots[0]
    for begins, ends, meant in (
        (first.starts_at, first.ends_at, slots[:1]),
        (first.starts_at - INSTANT, first.starts_at, []),
        (first.ends_at - INSTANT, first.ends_at + INSTANT, slots[:2]),
    ):
        assert list(Slot.objects.overlapping(begins, ends).order_by("starts_at")) == meant


def test_a_held_place_is_free_from_the_instant_at_which_its_hold_lapses(slots: list[Slot]) -> None:
    at = timezone.now()
    held = Slot.objects.filter(pk=slots[0].pk)
    held.update(taken=F("capacity"), hold_lapses_at=at)
    assert held.bookable(at).exists()
    assert not held.bookable(at - INSTANT).exists()
