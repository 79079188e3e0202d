"""Names and what people type fold to the same words; a text reads as dates, digits and words."""

from datetime import date, time
from unicodedata import normalize

import pytest

from extensions.search import typed_terms
from extensions.text import fold, search_words


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Lucía", "lucia"),
        (normalize("NFD", "Lucía"), "lucia"),
        ("\uff32\uff45\uff45\uff44", "reed"),  # full width
        ("Lefèvre", "lefevre"),
        ("SCHÄFER", "schafer"),
        ("Weiß", "weiss"),
        ("Øst Łuk Đorđe", "ost luk dorde"),
        ("Æsir Œuvre", "aesir oeuvre"),
        ("I\u015f\u0131k \u0130nci", "isik inci"),
        ("O'Brien", "obrien"),
        ("O\u2019Brien", "obrien"),
        ("O\u00b4Brien", "obrien"),
        ("O\u02bcBrien", "obrien"),
        ("O`Brien", "obrien"),
        ("Smith-Jones", "smith jones"),
        ("Smith\u2010Jones", "smith jones"),
        ("Dr. Reed, jr.", "dr reed jr"),
        ("Ng\u00f4 \u0110\u00ecnh Di\u1ec7m", "ngo dinh diem"),
        ("\u0623\u062d\u0645\u062f", "\u0627\u062d\u0645\u062f"),  # Arabic, without the hamza
        ("\u738b\u5c0f\u660e", "\u738b\u5c0f\u660e"),
        ("\uae40\ubbfc\uc900", "\uae40\ubbfc\uc900"),
        ("\u304c", "\u304c"),  # the voicing of kana makes another letter
        ("Re\u00aded", "reed"),  # a soft hyphen
        ("???", "???"),
    ],
)
def test_a_name_folds(name: str, folded: str) -> None:
    assert fold(name) == folded
    assert fold(folded) == folded


def test_each_spelling_of_a_joined_name_is_a_word() -> None:
    assert search_words("O'Brien", "Jean-Luc") == ["obrien", "jean", "luc", "o", "brien", "jeanluc"]
    assert search_words("Schäfer") == ["schafer", "schaefer"]
    assert search_words(normalize("NFD", "Ågård Ørsted")) == [
        "agard", "orsted", "aagaard", "oersted",
    ]  # fmt: skip
    assert "\u0646\u0631\u06af\u0633" in search_words("\u0646\u0631\u06af\u0633\u200c\u0645\u0627")
    chinese = search_words("\u738b", "\u5c0f\u660e")
    assert chinese == ["\u738b", "\u5c0f\u660e", "\u738b\u5c0f\u660e", "\u5c0f\u660e\u738b"]


BIRTHDAY = date(1951, 4, 24)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("Reed, Lucía", ["reed", "lucia"]),
        ("Reed , Lucía", ["reed", "lucia"]),
        ("Dr. Conor O\u2019Brien", ["dr", "conor", "obrien"]),
        ("24/04/1951", [BIRTHDAY]),
        ("24.4.1951 Reed", [BIRTHDAY, "reed"]),
        ("Reed 24 April 1951", ["reed", BIRTHDAY]),
        ("Reed, born 24 Apr 1951", ["reed", BIRTHDAY]),
        ("1951-04-24", [BIRTHDAY]),
        ("April 24, 1951", [BIRTHDAY]),
        ("24.4.51", [BIRTHDAY, date(2051, 4, 24)]),
        ("Reed 24 April 51", ["reed", BIRTHDAY, date(2051, 4, 24)]),
        ("Tue 24 April 51", [BIRTHDAY]),  # that day was a Monday in 2051
        ("01.02.34 56 78", ["+0102345678"]),
        ("Lucía Reed, born 24 Apr 1951, deceased", ["lucia", "reed", BIRTHDAY]),
        ("deceased", ["deceased"]),
        ("\uff11951-04-24", [BIRTHDAY]),
        ("212-555-0132", ["+2125550132"]),
        ("(212) 555-0132", ["+2125550132"]),
        ("212\u2011555\u20110132", ["+2125550132"]),  # hyphens that break no line
        ("212\u2013555\u20130132", ["+2125550132"]),
        ("\u0662\u0661\u0662\u0665\u0665\u0665\u0660\u0661\u0663\u0662", ["+2125550132"]),
        ("0044 7911 123456", ["+447911123456"]),
        ("+44 (0)7911 123456 Reed", ["+447911123456", "reed"]),
        ("07911 123456 24/04/1951", ["+07911123456", BIRTHDAY]),
        ("Navarro 09:00", ["navarro", time(9)]),
        ("09:00-09:30", [time(9)]),
        ("Ruiz 12", ["ruiz", "12"]),
        ("born", ["born"]),
        ("a@b.example", ["a@b.example"]),
        ("\0 ,", []),
    ],
)
def test_a_text_reads_as_terms(typed: str, words: list[object]) -> None:
    read = [
        meaning
        for term in typed_terms(typed)
        for meaning in term.days
        or (term.clock or term.word or (term.digits and f"+{term.digits}") or term.raw,)
    ]
    assert read == words
