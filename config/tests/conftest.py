"""Fixtures of the tests of the server."""

from collections.abc import Iterator

import pytest

from config import worker as module
from config.tests.bench import Bench, Clock


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    bench = Bench(clock)
    yield bench
    bench.close()
