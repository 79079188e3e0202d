"""Time zones and wall times in calendar files are right on every day, by another reader of them."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from dateutil.tz import tzical
from icalendar import Event

from extensions.icalendar import Span, calendar_file, zone_component

HALF_HOUR = timedelta(minutes=30)
ZONES = (
    "Europe/Madrid",
    "America/Sao_Paulo",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # its clocks go forward by half an hour
    "Africa/Casablanca",  # its clocks go back for Ramadan
    "Europe/Dublin",  # its summer time is the standard
)


@pytest.mark.parametrize("name", ZONES)
def test_a_vtimezone_has_the_offset_of_every_half_hour_of_its_years(name: str) -> None:
    written = zone_component(name, 2026, 2027).to_ical().decode()
    read, zone = tzical(StringIO(written)).get(name), ZoneInfo(name)
    instant, wrong = datetime(2026, 1, 1, 12, tzinfo=UTC), []
    while instant < datetime(2027, 12, 31, tzinfo=UTC):
        local = instant.astimezone(zone)
        # dateutil reads a wall time that comes twice as its second occurrence.
        ambiguous = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
        if not ambiguous and local.replace(tzinfo=read).utcoffset() != local.utcoffset():
            wrong.append(local)
        instant += HALF_HOUR
    assert wrong == []


def written(start: datetime, zone: str) -> list[str]:
    """Return the lines of the file of one event of half an hour."""
    span = Span(start, start + HALF_HOUR, ZoneInfo(zone))
    return calendar_file("x", "PUBLISH", [(Event(), span)]).decode().split("\r\n")


def test_an_event_in_the_first_hour_that_comes_twice_has_the_wall_time_and_in_the_second_utc() -> (
    None
):
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 CEST
    assert "DTSTART;TZID=Europe/Madrid:20261025T023000" not in written(first, "Europe/Madrid")
    second = first + timedelta(hours=1)  # 02:30 CET
    lines = written(second, "Europe/Madrid")
    assert "DTSTART:20261025T013000Z" in lines
    assert "DTEND:20261025T020000Z" in lines
    earlier = written(first - HALF_HOUR, "Europe/Madrid")
    assert "DTSTART;TZID=Europe/Madrid:20261025T020000" in earlier
    assert "DTEND;TZID=Europe/Madrid:20261025T023000" in earlier


def test_the_span_of_a_vtimezone_reaches_over_the_new_year() -> None:
    lines = written(datetime(2026, 12, 31, 22, 45, tzinfo=UTC), "Europe/Madrid")
    assert "DTSTART;TZID=Europe/Madrid:20261231T234500" in lines
    assert "DTEND;TZID=Europe/Madrid:20270101T001500" in lines
    assert [line for line in lines if line.startswith("DTSTART:")] == [
        "DTSTART:20260101T000000",
        "DTSTART:20260329T020000",
        "DTSTART:20261025T030000",
        "DTSTART:20270328T020000",
        "DTSTART:20271031T030000",
    ]
