"""Instants in words name the zone, also in the hour that comes twice in autumn."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from extensions.formats import instant_text, span_text

MADRID = ZoneInfo("Europe/Madrid")


def test_both_passes_of_the_hour_that_comes_twice_name_their_zone() -> None:
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    assert instant_text(first, MADRID) == "Sun 25 Oct 2026, 02:30 CEST"
    assert instant_text(second, MADRID) == "Sun 25 Oct 2026, 02:30 CET"
    assert span_text(first, second, MADRID) == "Sun 25 Oct 2026, 02:30-02:30 CET"
