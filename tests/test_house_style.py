"""No function has over 40 lines, no file much over 500, and each inner import has its reason."""

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("extensions", "accounts", "doctor", "patient", "appointment")
PLACES = (*APPS, "config", "tests", "benchmarks", "deploy", "docs", "tools")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files() -> list[Path]:
    """Return the project's own Python files, without migrations."""
    found = [path for place in PLACES for path in (ROOT / place).rglob("*.py")]
    return [*ROOT.glob("*.py"), *(path for path in found if "migrations" not in path.parts)]


def is_test(path: Path) -> bool:
    """Return whether the file belongs to the tests."""
    return "tests" in path.parts or path.name == "conftest.py"


def functions() -> Iterator[tuple[str, int]]:
    """Yield (`path:line name`, length in lines) of every function outside the tests."""
    for path in python_files():
        if not is_test(path):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, Function):
                    yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", length(node)


def length(function: Function) -> int:
    """Return the lines from `def` to the end, without decorators and docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or 0) - docstring.lineno + 1)


def test_no_file_is_much_longer_than_500_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in python_files()}
    assert {str(path): lines for path, lines in lengths.items() if lines > 550} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    lengths = list(functions())
    assert lengths, "no function was found"
    assert [(place, lines) for place, lines in lengths if lines > 40] == []


def test_the_tree_in_the_docs_names_every_module() -> None:
    page = (ROOT / "docs/architecture.md").read_text().split("## The tree", 1)[1]
    named, folder = set(), Path()
    for first in (line.split()[0] for line in page.split("```")[1].splitlines() if line):
        if first.endswith("/"):
            folder = Path(first)
        else:
            named.add(folder / first)
    production = {path.relative_to(ROOT) for path in python_files() if not is_test(path)}
    assert named == {path for path in production if path.name != "__init__.py"}


def test_every_test_that_the_docs_name_exists() -> None:
    files = [path for path in python_files() if is_test(path)]
    existing = [path.name for path in files]
    for path in files:
        existing += re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    named = {name for page in pages for name in re.findall(r"\btest_\w+", page.read_text())}
    assert {name for name in named if not any(one.startswith(name) for one in existing)} == set()


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f(): pass", 1),
        ("@decorator\ndef f():\n    return 1", 2),
        ('def f():\n    """One."""\n    return 1', 2),
        ('def f(\n    a,\n):\n    """One.\n\n    Two.\n    """\n    return a', 4),
    ],
)
def test_a_function_is_counted_without_decorator_and_docstring(source: str, lines: int) -> None:
    [function] = ast.parse(source).body
    assert isinstance(function, Function)
    assert length(function) == lines


# --- Imports in functions -------------------------------------------------------------------------

REASON = re.compile(r"PLC0415  \(\w.+\)$")  # on the import's line, or at the file's top


def test_no_import_in_a_function_is_excused_without_a_reason() -> None:
    """Ruff reports each import in a function (PLC0415) unless its line or its file is excused."""
    excuses = {
        f"{path.relative_to(ROOT)}:{number}": line
        for path in python_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"# (ruff: )?noqa:.*PLC0415", line)
    }
    assert excuses, "none was found"
    above = {place for place, line in excuses.items() if has_comment_above(place)}
    assert [p for p, line in excuses.items() if not REASON.search(line) and p not in above] == []


def has_comment_above(place: str) -> bool:
    """Return whether the line before this `path:line` is a comment."""
    name, _, number = place.rpartition(":")
    return (ROOT / name).read_text().splitlines()[int(number) - 2].lstrip().startswith("# ")


def test_imports_in_functions_are_excused_nowhere_else() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "PL" in config["select"]
    reported = [*config["ignore"], *chain.from_iterable(config["per-file-ignores"].values())]
    assert not {"PLC0415", "PLC", "PL"} & set(reported)
