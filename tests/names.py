"""Names and phone numbers that a clinic cannot read or dial, and such as it must keep."""

UNREADABLE = [
    "Ana\nRuiz",
    "Ana\x00",
    "Ana\x1bRuiz",
    "Ana\x85Ruiz",
    "Ana\u2028Ruiz",
    "\u202eziuR",  # right-to-left override
    "Ana\u2066Ruiz",
    "Ana\u200fRuiz",
    "\u200d",
    "\u00ad\u2060",
    "\u3164",  # Hangul filler
    "\u2800",  # Braille without a dot
    "\u0301",  # an accent without a letter
]
READABLE = [
    "Suharto",
    "علی\u200cرضا",  # noqa: RUF001  # zero-width non-joiner inside
    "ශ්\u200dරී",  # zero-width joiner inside
    "李小龍",
    "O'Neill-d'Árcy",
    "Nguyễn",
    "X Æ A-12",
]
UNDIALABLE = [
    "+34 612 345 678 ext. 5",
    "+34 612 345 678 x5",
    "+34 612 345 678 #5",
    "+34612345678;ext=5",
    "tel:+34612345678;isub=5",
    "+34 612 345 678 (ask for Luis)",
    "Luis: +34 612 345 678",
]
