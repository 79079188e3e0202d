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


def test_an_event_that_touches_the_hour_that_comes_twice_is_in_utc() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 CEST
    second = first + timedelta(hours=1)  # 02:30 CET
    for start in (first - 2 * HALF_HOUR, first, first + HALF_HOUR, second):
        lines = written(start, "Europe/Madrid")
        assert f"DTSTART:{start:%Y%m%dT%H%M%SZ}" in lines
        assert f"DTEND:{start + HALF_HOUR:%Y%m%dT%H%M%SZ}" in lines
        assert "BEGIN:VTIMEZONE" not in lines
    before = written(first - 3 * HALF_HOUR, "Europe/Madrid")
    assert "DTSTART;TZID=Europe/Madrid:20261025T010000" in before
    after = written(second + HALF_HOUR, "Europe/Madrid")
    assert "DTSTART;TZID=Europe/Madrid:20261025T030000" in after


def test_a_zone_that_is_the_same_as_utc_is_not_named() -> None:
    for zone in ("Africa/Abidjan", "Etc/UTC", "UTC"):
        lines = written(datetime(2026, 12, 1, 9, tzinfo=UTC), zone)
        assert "DTSTART:20261201T090000Z" in lines
        assert "BEGIN:VTIMEZONE" not in lines


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
