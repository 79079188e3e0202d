"""CSV files as spreadsheets write them are read; what cannot be read is refused in a sentence."""

import pytest
from django.core.exceptions import ValidationError

from extensions.csv_files import Row, Table

KNOWN = ("external_id", "last_name", "address")
PLAIN = "external_id,last_name,address\n1,Müller,"


def rows(data: bytes) -> list[Row]:
    return list(Table(data, KNOWN, ("external_id",)).rows())


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").replace("\n", "\r\n").encode(),
        "sep=,\n\n External ID ,Last-name,ADDRESS,,\n\n1,Müller,,,\n , ,\n".encode(),
        PLAIN.replace("\n", "\r").encode(),
    ],
)
def test_each_form_of_a_spreadsheet_gives_the_same_row(data: bytes) -> None:
    [row] = rows(data)
    assert row.cells == {"external_id": "1", "last_name": "Müller", "address": ""}
    assert not row.trouble


def test_a_row_has_the_line_on_which_it_begins_and_may_have_several() -> None:
    read = rows(b'external_id,address\n\n1,"Mayor 1\nMadrid"\n2,x,y\n3\n')
    assert [(row.line, row.cells.get("address"), bool(row.trouble)) for row in read] == [
        (3, "Mayor 1\nMadrid", False),
        (5, "x", True),
        (6, None, True),
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty."),
        (b" \n\n", "The file is empty."),
        (b"\xff\xfe", "The file is empty."),
        (b"PK\x03\x04...", "This is a workbook, not a CSV file."),
        (b"\x00\x01\x02", "This is not a CSV file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "This is not a CSV file"),
        (PLAIN.encode("cp1252"), "Line 2 has a character that is not UTF-8"),
        (b"1,Reed\n2,Ruiz\n", "The first line must have the names of the columns"),
        (b"external_id,x\n1,2\n", "Unknown column: “x”. The columns are: external_id,"),
        (b"external_id," + b"x," * 9 + b"\n", "Unknown columns: “x”, “x”, “x”, “x”, “x” and 4 "),
        (b"external_id," + b"x," * 100_000 + b"\n", "The first line has 100,002 columns."),
        (b"external_id,last_name,last name\n1,2,3\n", "Repeated column: “last_name”."),
        (b"last_name\nReed\n", "Missing column: “external_id”."),
        (b"external_id,,last_name\n1,2,3\n", "Column 2 has no name"),
        (b"external_id\n", "The file has names of columns and no row below them."),
        (b'external_id\n1\n"2\n', "Line 3 cannot be read: a quotation mark does not close"),
        (b"external_id\n" + b"x" * 200_000, "Line 2 cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        rows(data)
    [message] = refused.value.messages
    assert message.startswith(sentence)
    assert len(message) < 400
