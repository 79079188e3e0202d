"""The time zone of a location with coming sessions cannot change."""

from datetime import timedelta

import pytest

from doctor.exceptions import LocationInUse
from doctor.models import Location
from doctor.tests.factories import LocationFactory, ScheduleFactory, day_ahead

pytestmark = pytest.mark.django_db


def stored(location: Location) -> Location:
    found: Location = Location.objects.get(pk=location.pk)
    return found


def test_a_new_location_is_saved() -> None:
    location = LocationFactory.build()
    location.publish()
    assert stored(location).name == location.name


def test_another_zone_would_move_coming_slots_and_is_refused() -> None:
    location = ScheduleFactory().location
    location.time_zone = "America/New_York"
    with pytest.raises(LocationInUse):
        location.publish()
    assert stored(location).time_zone == "Europe/Madrid"


def test_anything_else_of_a_location_in_use_can_change() -> None:
    location = ScheduleFactory().location
    location.name = "Centro"
    location.publish()
    assert stored(location).name == "Centro"


def test_past_sessions_and_those_elsewhere_do_not_lock_the_zone() -> None:
    ScheduleFactory()
    location = ScheduleFactory(date=day_ahead(-3)).location
    location.time_zone = "America/New_York"
    location.publish()
    assert stored(location).time_zone == "America/New_York"


def test_closed_sessions_lock_the_zone_too() -> None:
    location = ScheduleFactory(is_active=False).location
    location.time_zone = "America/New_York"
    with pytest.raises(LocationInUse):
        location.publish()


def test_the_zone_can_change_from_the_end_of_the_last_slot() -> None:
    schedule = ScheduleFactory()
    location, end = schedule.location, schedule.slots.latest("ends_at").ends_at
    location.time_zone = "America/New_York"
    with pytest.raises(LocationInUse):
        location.publish(at=end - timedelta(microseconds=1))
    location.publish(at=end)
    assert stored(location).time_zone == "America/New_York"
