"""Half of all functions within 8 lines, nine in ten within 20, none over 40; files to about 500."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("extensions", "accounts", "doctor", "patient", "appointment")
PLACES = (*APPS, "config", "tests", "benchmarks", "deploy", "docs", "tools")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files() -> list[Path]:
    """The project's own Python, migrations excepted."""
    found = [path for place in PLACES for path in (ROOT / place).rglob("*.py")]
    return [*ROOT.glob("*.py"), *(path for path in found if "migrations" not in path.parts)]


def functions() -> Iterator[tuple[str, int]]:
    """Every function outside the tests: its place, and its length."""
    for path in python_files():
        if "tests" not in path.parts and path.name != "conftest.py":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, Function):
                    yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", length(node)


def length(function: Function) -> int:
    """Lines from `def` to the end, without decorators and docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or 0) - docstring.lineno + 1)


def test_no_file_is_much_longer_than_500_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in python_files()}
    assert {str(path): lines for path, lines in lengths.items() if lines > 550} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    assert [(place, lines) for place, lines in functions() if lines > 40] == []


@pytest.mark.parametrize(("share", "limit"), [(0.5, 8), (0.9, 20)])
def test_most_functions_are_short(share: float, limit: int) -> None:
    lengths = [lines for _, lines in functions()]
    assert lengths, "no function was found"
    assert sum(lines <= limit for lines in lengths) >= share * len(lengths)


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
