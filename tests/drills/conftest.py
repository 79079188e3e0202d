"""How large the drills are."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest

Sized = Callable[[int], int]
T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--scale`: 0.1 makes every drill a tenth as large, 10 ten times."""
    parser.addoption("--scale", type=float, default=1.0, help="size of the drills (1)")


@pytest.fixture
def sized(pytestconfig: pytest.Config) -> Sized:
    """`sized(10_000)`: so many, times the scale of this run."""
    scale: float = pytestconfig.getoption("scale")
    return lambda number: max(1, round(number * scale))


@pytest.fixture
def sampled(sized: Sized) -> Callable[[Sequence[T]], Sequence[T]]:
    """`sampled(routes)`: all at full size, else as many as the scale says, spread evenly."""
    return lambda every: every[:: max(1, len(every) // min(len(every), sized(len(every))))]


@pytest.fixture
def report(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Print a line of progress at once, past the capturing of output."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")

    def write(line: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"  {line}")

    return write
