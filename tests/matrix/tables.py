"""Functions that read the reviewed tables, and that write the lines which a failing test prints."""

from itertools import product
from pathlib import Path

from tests.matrix.callers import CALLERS, STAFF

FOLDER = Path(__file__).parent
READING = ("GET", "HEAD")
WRITING = ("POST", "PUT", "PATCH", "DELETE")
METHODS = (*READING, "OPTIONS", *WRITING)
OF_PAGES = ("GET", "POST")  # HEAD is GET without the body
OFF_PAGES = ("OPTIONS", "PUT", "PATCH", "DELETE")  # no page has these methods: 405 for every caller
OTHERS = tuple(caller for caller in CALLERS if caller not in STAFF)
COLUMNS = 1 + len(STAFF)  # of pages.txt, by method

Cells = dict[tuple[str, str], str]  # by method and caller: own/other/absent, or one for all three


def api_table() -> dict[str, Cells]:
    """Read api.txt: a line for each route, then a line for the methods with equal answers."""
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
    """Read pages.txt: a line for each route, and another one if HEAD differs from GET."""
    table: dict[str, Cells] = {}
    for line in _lines("pages.txt"):
        route, *row = line.split()
        if route == "HEAD":
            table[row[0]] |= _column("HEAD", row[1:])
            continue
        assert len(row) == 2 * COLUMNS, line
        assert route not in table, line
        reading = _column("GET", row[:COLUMNS]) | _column("HEAD", row[:COLUMNS])
        table[route] = reading | _column("POST", row[COLUMNS:])
        for method in OFF_PAGES:
            table[route] |= _column(method, ["405"] * COLUMNS)
    return table


def _column(method: str, row: list[str]) -> Cells:
    others, *staff = row
    cells = {(method, caller): others for caller in OTHERS}
    return cells | {(method, caller): entry for caller, entry in zip(STAFF, staff, strict=True)}


def _lines(name: str) -> list[str]:
    lines = (FOLDER / name).read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def cell(answers: list[str]) -> str:
    """Join the answers for own, other and absent rows in one cell."""
    return answers[0] if len(set(answers)) == 1 else "/".join(answers)


def entries_of(cell: str) -> list[str]:
    """Return the three entries of a cell: for own, other and absent rows."""
    entries = cell.split("/")
    return entries * 3 if len(entries) == 1 else entries


def api_lines(cells: Cells) -> list[str]:
    """Return the lines of a route in api.txt. Methods with equal answers share a line."""
    methods_by_row: dict[tuple[str, ...], list[str]] = {}
    for method in METHODS:
        row = tuple(cells[method, caller] for caller in CALLERS)
        methods_by_row.setdefault(row, []).append(method)
    return [
        f"  {','.join(methods):<28} {' '.join(f'{entry:<11}' for entry in row)}".rstrip()
        for row, methods in methods_by_row.items()
    ]


def page_line(route: str, cells: Cells) -> str:
    """Return the line of a route in pages.txt. The eight who are not staff share a cell."""
    row = [
        "|".join(dict.fromkeys(cells[method, caller] for caller in callers))
        for method in ("GET", "POST")
        for callers in (OTHERS, *((caller,) for caller in STAFF))
    ]
    return f"{route:<56} {' '.join(f'{entry:<15}' for entry in row)}".rstrip()


def changes_table() -> dict[tuple[str, str], set[str]]:
    """Read the changes that changes.txt allows each write: `model.column` and `+model`, by call."""
    return {
        (method, route): set(changed)
        for (method, route), changed in (
            (heading.split(), words) for heading, words in _blocks("changes.txt").items()
        )
    }


def fields_table() -> dict[str, list[str]]:
    """Read the members that fields.txt lists for each good answer and for the problem."""
    return _blocks("fields.txt")


def _blocks(name: str) -> dict[str, list[str]]:
    """Return the words of the indented lines below each heading."""
    found: dict[str, list[str]] = {}
    words: list[str] = []
    for line in _lines(name):
        if line.startswith(" "):
            words += line.split()
        else:
            assert line not in found, line
            words = found[line] = []
    return found
