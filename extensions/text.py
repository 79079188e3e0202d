"""Invisible characters, and text of one line."""

import unicodedata

from django.core.exceptions import ValidationError

# The property Default_Ignorable_Code_Point of Unicode 16 (DerivedCoreProperties.txt), which the
# module unicodedata lacks.
IGNORABLE = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
# The property Bidi_Control: these change the order in which other characters are shown.
BIDIRECTIONAL = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
BLANK = "\u2800"  # the Braille pattern without a dot: a symbol that shows nothing
CONTROLS = ("Cc", "Zl", "Zp")  # general categories: control characters, line and paragraph breaks
VISIBLE = ("L", "N", "P", "S")  # letters, numbers, punctuation, symbols

HIDDEN_CHARACTER = "This contains an invisible character."


def is_ignorable(character: str) -> bool:
    """Whether programs show nothing for the character, such as a soft hyphen or a joiner."""
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
    if any(unicodedata.category(each) in CONTROLS or each in BIDIRECTIONAL for each in text):
        raise ValidationError(
            "Write one line, without control characters or changes of direction.", "control"
        )
    if text and not any(map(is_visible, text)):
        raise ValidationError("Write at least one character that can be seen.", "invisible")
