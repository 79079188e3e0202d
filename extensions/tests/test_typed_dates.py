"""Dates as staff type them: what is read, and what is refused with a sentence."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from extensions.dates import REFUSALS, parse_date
from extensions.search import typed_terms

THE_FIRST = date(2026, 12, 1)


@pytest.mark.parametrize("day_first", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01",
        "2026-12-1",
        " 2026-12-01 ",
        "1 December 2026",
        "1 Dec 2026",
        "01 dec. 2026",
        "1st December, 2026",
        "1-Dec-2026",
        "December 1, 2026",
        "Dec 1 2026",
        "DEC. 1st 2026",
        "Tue 1 Dec 2026",
        "Tuesday, December 1, 2026",
    ],
)
def test_iso_and_a_written_month_are_read_everywhere(text: str, day_first: bool) -> None:
    assert parse_date(text, lambda: day_first) == THE_FIRST


@pytest.mark.parametrize("text", ["1.12.2026", "01/12/2026", "1-12-2026", "1. 12. 2026"])
def test_numbers_are_read_only_where_the_day_is_first(text: str) -> None:
    assert parse_date(text, lambda: True) == THE_FIRST
    with pytest.raises(ValidationError) as error:
        parse_date(text, lambda: False)
    assert error.value.messages == [str(REFUSALS["numbers"])]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("12/31/2026", "no_such_day"),  # never with the month first
        ("31/2/2026", "no_such_day"),
        ("2026-02-30", "no_such_day"),
        ("1 Dec 26", "year"),
        ("1/12/26", "year"),
        ("26-12-01", "year"),
        ("1 Dec 12026", "year"),
        ("Mon 1 Dec 2026", "weekday"),
        ("Xyz 1 Dec 2026", "invalid"),
        ("1 Foo 2026", "invalid"),
        ("1.12/2026", "invalid"),
        ("1/12", "invalid"),
        ("20261201", "invalid"),
        ("2026-W49-2", "invalid"),
        ("\u0661/\u0661/\u0662\u0660\u0662\u0666", "invalid"),  # Arabic digits
        ("tomorrow", "invalid"),
        ("\0", "invalid"),
        ("9" * 5000, "invalid"),
    ],
)
def test_what_is_no_date_is_refused_with_a_sentence(text: str, code: str) -> None:
    with pytest.raises(ValidationError) as error:
        parse_date(text, lambda: True)
    assert error.value.messages == [str(REFUSALS[code])]


def test_a_short_year_is_refused_before_the_order_of_numbers() -> None:
    with pytest.raises(ValidationError, match="four digits"):
        parse_date("1/12/26", lambda: False)


@pytest.mark.parametrize(
    "text",
    [
        "1 de diciembre de 2026",
        "1 de diciembre del 2026",
        "1 dic 2026",
        "1 dic. 2026",
        "1º de diciembre de 2026",
        "mar, 1 dic 2026",
        "Martes, 1 de diciembre de 2026",
        "1 December 2026",
        "Tue 1 Dec 2026",
    ],
)
def test_a_spanish_page_reads_spanish_and_english_names(text: str) -> None:
    with translation.override("es"):
        assert parse_date(text, lambda: False) == THE_FIRST


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("miercoles, 1 de diciembre de 2026", "weekday"),
        ("miércoles 1 dic 2026", "weekday"),
        ("mardi 1 dic 2026", "invalid"),
        ("1 de diciembre de 26", "year"),
        ("31 de noviembre de 2026", "no_such_day"),
    ],
)
def test_a_spanish_page_refuses_in_spanish(text: str, code: str) -> None:
    with translation.override("es"), pytest.raises(ValidationError) as error:
        parse_date(text, lambda: True)
    assert error.value.code == code
    with translation.override("es"):
        assert error.value.messages == [str(REFUSALS[code])]
        assert "Type" not in error.value.messages[0]


def test_an_english_page_reads_no_spanish_name_and_an_ambiguous_beginning_is_refused() -> None:
    with pytest.raises(ValidationError):
        parse_date("1 enero 2027", lambda: True)
    with translation.override("fr"):
        assert parse_date("1 juin 2026", lambda: True) == date(2026, 6, 1)
        assert parse_date("1er juil. 2026", lambda: True) == date(2026, 7, 1)
        with pytest.raises(ValidationError):
            parse_date("1 jui 2026", lambda: True)  # juin or juillet


def test_a_name_copied_from_a_spanish_page_finds_the_person() -> None:
    with translation.override("es"):
        for copied in ("Gil, nac. 1 dic 2026", "Gil, nac. 1 de diciembre de 2026, falleció"):
            name, born = typed_terms(copied)
            assert (name.word, born.days) == ("gil", (THE_FIRST,))
        [_, born] = typed_terms("Gil, born 1 Dec 2026, deceased")
        assert born.days == (THE_FIRST,)
