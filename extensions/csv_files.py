"""CSV files as spreadsheets write them: their encoding, delimiter, header and rows."""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

DELIMITERS = ",;\t"
NAMED_DELIMITER = re.compile(r"sep=(.)", re.IGNORECASE)  # the first line, as Excel writes it
ENCODINGS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # how xlsx and ods files begin, and xls files
MOST_COLUMNS = 200
NAME_SHOWN = 40  # characters of a column's name that a message repeats
NAMES_SHOWN = 5

EMPTY = _("The file is empty.")
WORKBOOK = _(
    "This is a workbook, not a CSV file. Save it as “CSV UTF-8” in the spreadsheet program."
)
NOT_TEXT = _("This is not a CSV file: it has characters that no text has.")
NO_HEADER = _("The first line must have the names of the columns, as in the template.")
NO_ROWS = _("The file has names of columns and no row below them.")


@dataclass(frozen=True)
class Row:
    """A row of the file: its first line, its cells by column, and why it cannot be read, or ""."""

    line: int
    cells: dict[str, str]
    trouble: str = ""


class Table:
    """The header and the rows of a CSV file.

    Raises ValidationError, with a sentence for the user, for a file or a header that it cannot
    read; `rows` does so for a line with a quotation mark that does not close.
    """

    def __init__(self, data: bytes, known: Collection[str], required: Collection[str]) -> None:
        self.text = decoded(data)
        self.delimiter = self._delimiter(known)
        header = next(self._records(), (0, []))[1]
        if len(header) > MOST_COLUMNS:
            number = number_format(len(header), force_grouping=True)
            many = gettext("The first line has %(number)s columns.") % {"number": number}
            raise unreadable(f"{many} {NO_HEADER}")
        self.columns = column_names(header)
        refuse_columns(self.columns, known, required)

    def rows(self) -> Iterator[Row]:
        """Yield the rows one by one; lines without any text are left out."""
        records = self._records()
        next(records)
        found = False
        for line, cells in records:
            found = True
            yield self._row(line, cells)
        if not found:
            raise unreadable(NO_ROWS)

    def _row(self, line: int, cells: list[str]) -> Row:
        width = len(self.columns)
        trouble = ""
        if len(cells) < width or any(map(str.strip, cells[width:])):
            trouble = gettext(
                "The row has %(cells)s cells and the first line %(columns)s. A text with the "
                "character between the cells needs quotation marks around it."
            ) % {"cells": len(cells), "columns": width}
        return Row(line, dict(zip(self.columns, cells, strict=False)), trouble)

    def _records(self, delimiter: str = "") -> Iterator[tuple[int, list[str]]]:
        """Yield the number of the first line and the cells of each record that has any text."""
        lines = io.StringIO(self.text, newline="")
        reader = csv.reader(lines, delimiter=delimiter or self.delimiter, strict=True)
        while True:
            first = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                sentence = gettext(
                    "Line %(line)s cannot be read: a quotation mark does not close or stands "
                    "within a text, or a cell is too long."
                )
                raise unreadable(sentence % {"line": first}) from None
            is_note = first == 1 and NAMED_DELIMITER.fullmatch((delimiter or ",").join(cells))
            if any(map(str.strip, cells)) and not is_note:
                yield first, cells

    def _delimiter(self, known: Collection[str]) -> str:
        """Return the character between the cells: the one by which most columns are known."""
        named = NAMED_DELIMITER.fullmatch(self.text.partition("\n")[0].strip())
        if named and named[1] in DELIMITERS:
            return named[1]
        found = {each: self._known_by(each, known) for each in DELIMITERS}
        return max(found, key=lambda each: found[each])

    def _known_by(self, delimiter: str, known: Collection[str]) -> int:
        try:
            header = next(self._records(delimiter), (0, []))[1]
        except ValidationError:
            return 0
        return len({*column_names(header[:MOST_COLUMNS])} & {*known})


def unreadable(sentence: Any) -> ValidationError:
    """Return the error that the file cannot be read, with a sentence for the user."""
    return ValidationError(sentence, code="unreadable_file")


def decoded(data: bytes) -> str:
    """Return the text of the file; raises ValidationError unless it is UTF-8 or marked UTF-16."""
    if data.startswith(WORKBOOKS):
        raise unreadable(WORKBOOK)
    mark, encoding = next((each for each in ENCODINGS if data.startswith(each[0])), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        if b"\0" in data:
            raise unreadable(NOT_TEXT) from None
        line = data.count(b"\n", 0, error.start) + 1
        sentence = gettext(
            "Line %(line)s has a character that is not UTF-8, such as an accent of another "
            "encoding. Save the file as “CSV UTF-8” in the spreadsheet program."
        )
        raise unreadable(sentence % {"line": line}) from None
    if "\0" in text:
        raise unreadable(NOT_TEXT)
    if not text.strip():
        raise unreadable(EMPTY)
    return text


def column_names(header: Sequence[str]) -> list[str]:
    """Return the names as columns have them: in small letters, with underscores for spaces."""
    names = ["_".join(re.split(r"[\s_-]+", name.strip().lower())) for name in header]
    while names and not names[-1]:
        names.pop()
    return names


def refuse_columns(names: Sequence[str], known: Collection[str], required: Collection[str]) -> None:
    """Raise ValidationError for unknown, unnamed, repeated or missing columns."""
    if not {*names} & {*known}:
        raise unreadable(NO_HEADER)
    if "" in names:
        sentence = gettext("Column %(number)s has no name in the first line.")
        raise unreadable(sentence % {"number": names.index("") + 1})
    if unknown := [name for name in names if name not in known]:
        sentence = ngettext(
            "Unknown column: %(names)s. The columns are: %(known)s.",
            "Unknown columns: %(names)s. The columns are: %(known)s.",
            len(unknown),
        )
        raise unreadable(sentence % {"names": _listed(unknown), "known": ", ".join(known)})
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        sentence = ngettext(
            "Repeated column: %(names)s.", "Repeated columns: %(names)s.", len(repeated)
        )
        raise unreadable(sentence % {"names": _listed(repeated)})
    if missing := [name for name in required if name not in names]:
        sentence = ngettext(
            "Missing column: %(names)s.", "Missing columns: %(names)s.", len(missing)
        )
        raise unreadable(sentence % {"names": _listed(missing)})


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"“{name[:NAME_SHOWN]}”" for name in names[:NAMES_SHOWN])
    if len(names) <= NAMES_SHOWN:
        return shown
    number = number_format(len(names) - NAMES_SHOWN, force_grouping=True)
    return gettext("%(names)s and %(number)s more") % {"names": shown, "number": number}
