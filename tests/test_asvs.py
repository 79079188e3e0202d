"""docs/asvs.md names a test or a reason for each requirement of OWASP ASVS 5.0, level 1 and 2.

`tests/asvs_5_0.csv` holds the numbers and levels as OWASP publishes them.
"""

import csv
import re
from pathlib import Path

import pytest

from tests.live import ROOT

pytestmark = pytest.mark.only_on("sqlite")  # no database has a part in this: once is enough

PAGE = (ROOT / "docs" / "asvs.md").read_text()
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| (.+?) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`((?:\w+/)+test_\w+\.py)(?:::(\w+))?`")
LEFT_OUT = re.compile(r"^## V(\d+) .*\n\nLeft out: (\S.{15,})$", re.MULTILINE)


def requirements() -> dict[str, str]:
    """Map each requirement's number to its level, without the chapters that the page leaves out."""
    left_out = {chapter for chapter, _ in LEFT_OUT.findall(PAGE)}
    with Path(ROOT, "tests", "asvs_5_0.csv").open() as file:
        known = {row["requirement"]: row["level"] for row in csv.DictReader(file)}
    return {key: level for key, level in known.items() if key.split(".")[0] not in left_out}


def rows() -> dict[str, tuple[str, str]]:
    """Map the number in each row of the page to its level and its proof: a test or a reason."""
    return {number: (level, proof) for number, level, _, proof in ROW.findall(PAGE)}


def test_every_requirement_has_its_row_and_no_row_is_of_another() -> None:
    assert {number: level for number, (level, _) in rows().items()} == requirements()


def test_no_requirement_has_two_rows() -> None:
    assert len(ROW.findall(PAGE)) == len(rows())


def test_a_row_names_a_test_or_says_why_not() -> None:
    silent = {
        number: proof
        for number, (_, proof) in rows().items()
        if not TEST.search(proof) and not re.fullmatch(r".{7,}\.", proof)
    }
    assert silent == {}


@pytest.mark.parametrize(("path", "name"), sorted(set(TEST.findall(PAGE))))
def test_every_test_that_is_named_is_there(path: str, name: str) -> None:
    source = (ROOT / path).read_text()
    assert re.search(rf"^def {name or 'test_.*'}\(", source, re.MULTILINE)


def test_the_chapters_left_out_are_the_listed_ones() -> None:
    assert [chapter for chapter, _ in LEFT_OUT.findall(PAGE)] == ["5", "9", "10", "17"]
