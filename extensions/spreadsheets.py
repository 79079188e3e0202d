"""Files of rows for spreadsheets: CSV in which no cell is a formula."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

BYTE_ORDER_MARK = "\ufeff"  # tells a spreadsheet that the file is UTF-8
# A spreadsheet computes a cell that begins so (OWASP, "CSV Injection"), full-width forms included.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def neutral(cell: Any) -> Any:
    """Return the cell; a text that a spreadsheet would compute gets an apostrophe before it.

    Numbers stay numbers, negative ones too.
    """
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return cell


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return the rows as CSV (RFC 4180), with a byte order mark; None is an empty cell."""
    file = StringIO()
    writer = csv.writer(file)
    for row in (header, *rows):
        writer.writerow([neutral(cell) for cell in row])
    return BYTE_ORDER_MARK + file.getvalue()
