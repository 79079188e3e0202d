import pytest

from extensions.spreadsheets import csv_text, neutral


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_text_that_begins_as_a_formula_gets_an_apostrophe(first: str) -> None:
    assert neutral(f"{first}cmd|' /C calc'!A0") == f"'{first}cmd|' /C calc'!A0"
    assert neutral(f"a{first}") == f"a{first}"


def test_numbers_stay_numbers_and_nothing_is_an_empty_cell() -> None:
    assert csv_text(["a", "-b"], [[-1, 2.5], [None, 'x,"y"']]) == (
        '\ufeffa,\'-b\r\n-1,2.5\r\n,"x,""y"""\r\n'
    )
