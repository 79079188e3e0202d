"""Fixtures that set the size of the drills."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest

Sized = Callable[[int], int]
T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--scale`: 0.1 makes every drill a tenth as large, 10 makes it ten times as large."""
    parser.addoption("--scale", type=float, default=1.0, help="size of the drills (1)")


@pytest.fixture
def sized(pytestconfig: pytest.Config) -> Sized:
    """Return a function: `sized(10_000)` is 10,000 times the scale of this run."""
    scale: float = pytestconfig.getoption("scale")
    return lambda number: max(1, round(number * scale))


@pytest.fixture
def sampled(sized: Sized) -> Callable[[Sequence[T]], Sequence[T]]:
    """Return a function: `sampled(routes)` is all of them, or an even sample at a smaller scale."""
    return lambda every: every[:: max(1, len(every) // min(len(every), sized(len(every))))]


@pytest.fixture
def report(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Return a function that prints a line of progress at once, although pytest captures output."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")

    def write(line: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"  {line}")

    return write
