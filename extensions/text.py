"""Invisible characters, and text of one line."""

import unicodedata
from functools import lru_cache

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# The property Default_Ignorable_Code_Point of Unicode 16 (DerivedCoreProperties.txt), which the
# module unicodedata lacks.
IGNORABLE = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
FIRST_IGNORABLE = chr(IGNORABLE[0][0])
# The property Bidi_Control: these change the order in which other characters are shown.
BIDIRECTIONAL = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
BLANK = "\u2800"  # the Braille pattern without a dot: a symbol that shows nothing
CONTROLS = ("Cc", "Zl", "Zp")  # general categories: control characters, line and paragraph breaks
VISIBLE = ("L", "N", "P", "S")  # letters, numbers, punctuation, symbols

HIDDEN_CHARACTER = _("This contains an invisible character.")


def is_ignorable(character: str) -> bool:
    """Whether programs show nothing for the character, such as a soft hyphen or a joiner."""
    if character < FIRST_IGNORABLE:  # nearly every letter
        return False
    return any(first <= ord(character) <= last for first, last in IGNORABLE)


def is_visible(character: str) -> bool:
    """Whether a reader sees something at the place of the character."""
    is_blank = is_ignorable(character) or character == BLANK
    return unicodedata.category(character)[0] in VISIBLE and not is_blank


def validate_one_line(text: str) -> None:
    """Check a text of one line, such as a name; raises ValidationError.

    It needs one visible character, and has no control character, line break or control of the
    direction of writing. Joiners, which Persian and several Indian scripts need, are kept.
    """
    # A text that Python calls printable has neither.
    if not text.isprintable() and any(
        unicodedata.category(each) in CONTROLS or each in BIDIRECTIONAL for each in text
    ):
        raise ValidationError(
            _("Write one line, without control characters or changes of direction."), "control"
        )
    if text and not any(map(is_visible, text)):
        raise ValidationError(_("Write at least one character that can be seen."), "invisible")


# --- Folding: texts that people take for the same become the same ---------------------------------

WORD_LENGTH = 50  # characters of a folded word that count
APOSTROPHES = "'`\u00b4\u02b9\u02bb\u02bc\u02bd\u05f3\u2018\u2019\u201b\u2032\ua78c\uff07"
# U+200C, the zero width non-joiner, stands between the parts of a Persian name as a hyphen does.
HYPHENS = "-\u05be\u200c\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"
# Letters that Unicode does not decompose, after case folding.
LETTERS = {
    "\u00e6": "ae", "\u00f0": "d", "\u00f8": "o", "\u00fe": "th", "\u0111": "d", "\u0127": "h",
    "\u0131": "i", "\u0138": "k", "\u0142": "l", "\u014b": "n", "\u0153": "oe", "\u0167": "t",
    "\u0199": "k", "\u01b4": "y", "\u0253": "b", "\u0256": "d", "\u0257": "d", "\u0268": "i",
}  # fmt: skip
# How people write these letters on a keyboard without them: Schaefer, Soerensen, Haakon.
SPELLED_OUT = str.maketrans({
    "\u00e4": "ae", "\u00f6": "oe", "\u00fc": "ue", "\u00f8": "oe", "\u00e5": "aa",
})  # fmt: skip
FOLDED = str.maketrans(LETTERS | dict.fromkeys(APOSTROPHES, ""))
WITHOUT_APOSTROPHES = str.maketrans("", "", APOSTROPHES)
SPLIT_AT_HYPHENS = str.maketrans(HYPHENS, " " * len(HYPHENS))
JOINED_AT_HYPHENS = str.maketrans("", "", HYPHENS)
SPLIT_AT_APOSTROPHES = str.maketrans(APOSTROPHES, " " * len(APOSTROPHES))
# Canonical combining classes of marks that make another letter: the voicing of kana, the virama.
OF_THE_LETTER = (8, 9)
# Scripts that put no space between the names of a person: kana, Han, Hangul.
UNSPACED = (
    (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0x20000, 0x323AF),
)  # fmt: skip


def folded_words(text: str) -> list[str]:
    """Return the words of the text without case, accents and punctuation, in a comparable form.

    An apostrophe joins the parts of a word, a hyphen separates two words. Letters that Unicode does
    not decompose, such as the Polish l with a stroke, become the plain letters that people type
    instead. A text without a letter, number or symbol is one word as it is.
    """
    plain = text.translate(WITHOUT_APOSTROPHES).translate(SPLIT_AT_HYPHENS)
    if plain.isascii():
        kept = plain.lower()
    else:
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", plain).casefold())
        letters = "".join(each for each in folded if not _is_dropped(each)).translate(FOLDED)
        kept = unicodedata.normalize("NFC", letters)
    spaced = "".join(each if _is_part_of_word(each) else " " for each in kept)
    words = spaced.split() or ["".join(unicodedata.normalize("NFKC", text).casefold().split())]
    return [word[:WORD_LENGTH] for word in words if word]


def fold(text: str) -> str:
    """Return the folded words of the text with one space between them."""
    return " ".join(folded_words(text))


def search_words(*names: str) -> list[str]:
    """Return the words by which a person with these names is found, each once.

    Beside the folded words these are the parts that an apostrophe joins and the whole that a hyphen
    separates, so that each spelling finds the other, and the word with its umlauts spelled out.
    Names in a script without spaces are also joined in the order given and in the other: pass the
    last name before the first.
    """
    words = [word for name in names for word in folded_words(name)]
    for token in " ".join(names).split():
        words += folded_words(token.translate(SPLIT_AT_APOSTROPHES))
        words += folded_words(token.translate(JOINED_AT_HYPHENS))
        words += folded_words(_lower(token).translate(SPELLED_OUT))
    folded = ["".join(folded_words(name)) for name in names if name]
    if len(folded) > 1 and all(any(map(_is_unspaced, name)) for name in folded):
        words += ["".join(folded)[:WORD_LENGTH], "".join(reversed(folded))[:WORD_LENGTH]]
    return list(dict.fromkeys(words))


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()


def _is_dropped(character: str) -> bool:
    """Whether the character of a decomposed text is an accent or shows nothing."""
    mark = unicodedata.combining(character) not in (0, *OF_THE_LETTER)
    return mark or unicodedata.category(character) == "Me" or is_ignorable(character)


@lru_cache(maxsize=4096)
def _is_part_of_word(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LNMS" and category != "Sk" and character != BLANK


def _is_unspaced(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in UNSPACED)
