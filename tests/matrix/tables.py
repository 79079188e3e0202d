"""The reviewed tables, read; and written, as a test shows what it found instead."""

from itertools import product
from pathlib import Path

from tests.matrix.callers import CALLERS, STAFF

FOLDER = Path(__file__).parent
READING = ("GET", "HEAD")
METHODS = (*READING, "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
OF_PAGES = (*READING, "POST")
OFF_PAGES = ("OPTIONS", "PUT", "PATCH", "DELETE")  # of no page: 405 for everybody
OTHERS = tuple(caller for caller in CALLERS if caller not in STAFF)

Cells = dict[tuple[str, str], str]  # by method and caller: own/other/absent, or one for all three


def api_table() -> dict[str, Cells]:
    """What api.txt says of each route: a line a route, then a line for methods that are alike."""
    table: dict[str, Cells] = {}
    for line in _lines("api.txt"):
        if line.startswith("/"):
            assert line not in table, line
            cells = table[line] = {}
        else:
            methods, *row = line.split()
            assert len(row) == len(CALLERS), line
            for method, (caller, cell) in product(
                methods.split(","), zip(CALLERS, row, strict=True)
            ):
                assert (method, caller) not in cells, line
                cells[method, caller] = cell
    return table


def pages_table() -> dict[str, Cells]:
    """What pages.txt says of each route: a line each, and one more where HEAD is not as GET."""
    table: dict[str, Cells] = {}
    for line in _lines("pages.txt"):
        route, *row = line.split()
        if route == "HEAD":
            table[row[0]] |= _column("HEAD", row[1:])
            continue
        assert len(row) == 6, line
        assert route not in table, line
        reading = _column("GET", row[:3]) | _column("HEAD", row[:3])
        table[route] = reading | _column("POST", row[3:])
        for method in OFF_PAGES:
            table[route] |= _column(method, ["405"] * 3)
    return table


def _column(method: str, row: list[str]) -> Cells:
    others, *staff = row
    cells = {(method, caller): others for caller in OTHERS}
    return cells | {(method, caller): entry for caller, entry in zip(STAFF, staff, strict=True)}


def _lines(name: str) -> list[str]:
    lines = (FOLDER / name).read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def cell(answers: list[str]) -> str:
    """One cell from the answers to own, other and absent."""
    return answers[0] if len(set(answers)) == 1 else "/".join(answers)


def api_lines(cells: Cells) -> list[str]:
    """The lines of a route in api.txt: methods that are alike to everybody share one."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for method in METHODS:
        row = tuple(cells[method, caller] for caller in CALLERS)
        alike.setdefault(row, []).append(method)
    return [
        f"  {','.join(methods):<28} {' '.join(f'{entry:<11}' for entry in row)}".rstrip()
        for row, methods in alike.items()
    ]


def page_line(route: str, cells: Cells) -> str:
    """The line of a route in pages.txt, as long as the eight who are not staff get the same."""
    row = [
        "|".join(dict.fromkeys(cells[method, caller] for caller in callers))
        for method in ("GET", "POST")
        for callers in (OTHERS, *((caller,) for caller in STAFF))
    ]
    return f"{route:<56} {' '.join(f'{entry:<15}' for entry in row)}".rstrip()


def changes_table() -> dict[tuple[str, str], set[str]]:
    """What changes.txt lets each write change: by method and route, `model.column` and `+model`."""
    return {
        (method, route): set(changed)
        for (method, route), changed in (
            (heading.split(), words) for heading, words in _blocks("changes.txt").items()
        )
    }


def fields_table() -> dict[str, list[str]]:
    """The members that fields.txt gives each good answer, and the problem: a path each."""
    return _blocks("fields.txt")


def _blocks(name: str) -> dict[str, list[str]]:
    """The words of the indented lines below each heading."""
    found: dict[str, list[str]] = {}
    words: list[str] = []
    for line in _lines(name):
        if line.startswith(" "):
            words += line.split()
        else:
            assert line not in found, line
            words = found[line] = []
    return found
