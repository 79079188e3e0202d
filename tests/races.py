"""Functions that the tests of races share."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from threading import Barrier
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Model

from tests.threads import run_together

SECONDS = 120
Wait = Callable[[], Any]


def outcomes(n: int, function: Callable[[int], Any]) -> Counter[type]:
    """Call the function in n threads at once. Count what they returned or raised by type."""
    return Counter(type(outcome) for outcome in run_together(n, function))


def assert_in_order() -> None:
    """Assert that all invariants hold. Raises CommandError, which names the rows that break one."""
    output = StringIO()
    try:
        call_command("check_invariants", stdout=output)
    except CommandError as error:
        raise CommandError(f"{output.getvalue()}{error}") from error


def gate(n: int) -> Wait:
    """Return a function that holds each of n threads until the last of them calls it."""
    return Barrier(n, timeout=SECONDS).wait


def then_wait(monkeypatch: pytest.MonkeyPatch, where: type, name: str, wait: Wait) -> None:
    """Patch a method of the class `where` to call `wait` after its work, before it returns."""
    method = getattr(where, name)

    def waiting(self: Any, *args: Any, **kwargs: Any) -> Any:
        answer = method(self, *args, **kwargs)
        wait()
        return answer

    monkeypatch.setattr(where, name, waiting)


@contextmanager
def without(model: type[Model], name: str) -> Iterator[None]:
    """Drop a constraint during the block; then delete all rows of the model and restore it."""
    [constraint] = [each for each in model._meta.constraints if each.name == name]
    with connection.schema_editor() as editor:
        editor.remove_constraint(model, constraint)
    try:
        yield
    finally:
        model._base_manager.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(model, constraint)
