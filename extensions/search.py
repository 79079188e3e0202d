"""What people type into a search box, as terms: words of names, dates, digits, times of day."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time

from django.core.exceptions import ValidationError
from django.utils.translation import pgettext_lazy

from extensions.dates import parse_date
from extensions.text import APOSTROPHES, HYPHENS, folded_words

LAST = "\U0010ffff"  # sorts after every character that a folded text can have
MAX_SEARCH_LENGTH = 200  # characters
MAX_SEARCH_TERMS = 10  # words: thousands exhaust the database's parser
TOKENS_OF_A_DATE = (6, 5, 4, 3, 2, 1)  # "martes, 24 de abril de 1951" has six
SHORT_YEAR = re.compile("(.*[^0-9])([0-9]{2})")  # as in 24.4.51
CENTURIES = ("19", "20")
PHONE_DIGITS = 7  # fewer digits may be a part of a number, or a word of a name
DIALED = re.compile(r"[+()./-]*[0-9][0-9+()./-]*")
TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(-[0-9]{1,2}:[0-9]{2})?")  # or a span
NATIONAL_ZERO = "(0)"  # as in +44 (0)7911 123456: dialed within the country only
# NFKC would make a space of some apostrophes. The non-joiner belongs to Persian names.
ONE_SIGN = str.maketrans(
    dict.fromkeys(APOSTROPHES, "'") | dict.fromkeys(HYPHENS.replace("\u200c", ""), "-")
)
# Before and after the date of birth that a page shows; a search in any language knows the English.
# Translators: as pages write it between a name and a date, such as "Ana Gil, born 1 Dec 1970".
BORN = pgettext_lazy("before a date of birth", "born")
# Translators: as pages write it after a name, such as "Ana Gil, born 1 Dec 1970, deceased".
DECEASED = pgettext_lazy("after a name", "deceased")


@dataclass(frozen=True)
class Term:
    """One thing to find: a row matches the search if it matches every term.

    `raw`: as typed. `word`: the beginning of a folded word, "" where no word is meant. `digits`:
    the first or last digits of a phone number, "" where none is meant. `days`: the dates that the
    term may mean, two where the year has two digits.
    """

    raw: str
    word: str = ""
    digits: str = ""
    days: tuple[date, ...] = ()
    clock: time | None = None


Token = tuple[str, str]  # as typed, and with full width and apostrophes made plain


def typed_terms(text: str) -> list[Term]:
    """Return the terms of a text, of its first MAX_SEARCH_LENGTH characters and MAX_SEARCH_TERMS.

    A date is ISO, written, or in numbers with the day first; its year may have two digits. Several
    tokens of digits are one phone number. A token with an @ is an e-mail address, without a `word`.
    """
    typed = text[:MAX_SEARCH_LENGTH].replace("\0", " ").split()[:MAX_SEARCH_TERMS]
    tokens = [(raw, _plain(raw)) for each in typed if (raw := each.strip(",;"))]
    if len(tokens) > 1 and tokens[-1][1].lower() in {"deceased", DECEASED}:
        tokens.pop()
    return list(_terms(tokens))


def _plain(token: str) -> str:
    plain = "".join(unicodedata.normalize("NFKC", token.translate(ONE_SIGN)).split())
    return "".join(str(unicodedata.decimal(each, each)) for each in plain)


def _terms(tokens: list[Token]) -> Iterator[Term]:
    """Yield the terms, longest reading first: a date, a phone number, then single tokens."""
    while tokens:
        length, days = _date_at_start(tokens)
        if days:
            yield Term(_joined(tokens[:length]), days=days)
        elif number := _phone_at_start(tokens):
            length, digits = number
            yield Term(_joined(tokens[:length]), digits=digits)
        elif tokens[0][1].lower() not in {"born", BORN} or not _date_at_start(tokens[1:])[1]:
            yield from _terms_of_token(*tokens[0])
        tokens = tokens[length:]


def _joined(tokens: list[Token]) -> str:
    return " ".join(raw for raw, _ in tokens)


def _date_at_start(tokens: list[Token]) -> tuple[int, tuple[date, ...]]:
    """Return how many of the first tokens are a date, and what it may mean; one and () if none."""
    for length in TOKENS_OF_A_DATE:
        if length <= len(tokens):
            typed = " ".join(plain for _, plain in tokens[:length])
            if days := _dates(typed):
                return length, days
            dialed_on = length < len(tokens) and DIALED.fullmatch(tokens[length][1])
            if (short := SHORT_YEAR.fullmatch(typed)) and not dialed_on:
                years = (f"{short[1]}{century}{short[2]}" for century in CENTURIES)
                if days := tuple(day for year in years for day in _dates(year)):
                    return length, days
    return 1, ()


def _dates(typed: str) -> tuple[date, ...]:
    """Return the date that the text means, alone; () if it is none."""
    try:
        return (parse_date(typed, lambda: True),)
    except ValidationError:
        return ()


def _phone_at_start(tokens: list[Token]) -> tuple[int, str] | None:
    """Return how many of the first tokens are a phone number, and its digits; else None."""
    length = 0
    while length < len(tokens) and DIALED.fullmatch(tokens[length][1]):
        if length and _date_at_start(tokens[length:])[1]:
            break
        length += 1
    typed = "".join(plain for _, plain in tokens[:length])
    abroad = typed.lstrip("(").startswith(("+", "00"))
    digits = re.sub("[^0-9]", "", typed.replace(NATIONAL_ZERO, "") if abroad else typed)
    if len(digits) < PHONE_DIGITS:
        return None
    return length, digits.removeprefix("00") if abroad else digits


def _terms_of_token(raw: str, plain: str) -> Iterator[Term]:
    """Yield the terms of a token that is no date and no phone number."""
    if found := TIME.fullmatch(plain):
        yield Term(raw, clock=time(int(found[1]), int(found[2])))
    elif "@" in plain:
        yield Term(raw)
    elif plain.isascii() and plain.isdecimal():
        yield Term(raw, word=plain, digits=plain)
    else:
        for word in folded_words(plain):
            yield Term(raw, word=word)
