"""Instants in words name the zone, also in the hour that comes twice in autumn."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.dateformat import format as format_date
from django.utils.formats import get_format

from extensions.formats import (
    DATE,
    INSTANT,
    TIME,
    clock_text,
    date_text,
    day_text,
    instant_text,
    span_text,
)

MADRID = ZoneInfo("Europe/Madrid")


def test_both_passes_of_the_hour_that_comes_twice_name_their_zone() -> None:
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    assert instant_text(first, MADRID) == "Sun 25 Oct 2026, 02:30 CEST"
    assert instant_text(second, MADRID) == "Sun 25 Oct 2026, 02:30 CET"
    assert span_text(first, second, MADRID) == "Sun 25 Oct 2026, 02:30 CEST-02:30 CET"


def test_spanish_words_stand_in_their_order_on_the_same_24_hours() -> None:
    start, end = (datetime(2026, 12, 1, 8, minute, tzinfo=UTC) for minute in (0, 30))
    with translation.override("es"):
        assert date_text(start.date()) == "1 dic 2026"
        assert day_text(start.date()) == "mar, 1 dic 2026"
        assert day_text(start.date().replace(day=5)) == "sáb, 5 dic 2026"
        assert instant_text(start, MADRID) == "mar, 1 dic 2026, 09:00 CET"
        assert span_text(start, end, MADRID) == "mar, 1 dic 2026, 09:00-09:30 CET"
        assert clock_text(start, MADRID) == "09:00"
    assert instant_text(start, MADRID) == "Tue 1 Dec 2026, 09:00 CET"


def test_pages_and_sentences_write_dates_in_the_same_way() -> None:
    start = datetime(2026, 12, 1, 8, tzinfo=UTC)
    for language in ("en", "es"):
        with translation.override(language):
            for name, known in (
                ("DATE_FORMAT", DATE),
                ("SHORT_DATE_FORMAT", DATE),
                ("TIME_FORMAT", TIME),
                ("DATETIME_FORMAT", INSTANT),
                ("SHORT_DATETIME_FORMAT", INSTANT),
            ):
                assert format_date(start, get_format(name)) == format_date(start, known), name
