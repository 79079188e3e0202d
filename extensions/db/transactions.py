"""One transaction for a request whose first error undoes all that it has written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import transaction

P = ParamSpec("P")
T = TypeVar("T")

# What to do after the rollback of the present `one_transaction`; None outside of one.
_after_rollback: ContextVar[list[Callable[[], None]] | None] = ContextVar(
    "after_rollback", default=None
)


@contextmanager
def one_transaction() -> Iterator[None]:
    """Run the body in one transaction, in which the verbs that use `atomic` set no savepoint.

    The body lets every error of a verb through: there is nothing to which the database could return
    but the beginning of the transaction.
    """
    calls: list[Callable[[], None]] = []
    token = _after_rollback.set(calls)
    try:
        with transaction.atomic():
            yield
    except BaseException:
        _after_rollback.reset(token)
        for call in calls:
            call()
        raise
    else:
        _after_rollback.reset(token)


def in_one_transaction() -> bool:
    """Whether the caller runs inside `one_transaction`."""
    return _after_rollback.get() is not None


def atomic() -> Any:
    """Return Django's `transaction.atomic()`; inside `one_transaction`, one without a savepoint."""
    return transaction.atomic(savepoint=not in_one_transaction())


def in_transaction(function: Callable[P, T]) -> Callable[P, T]:
    """Run the decorated verb inside `atomic()`."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        with atomic():
            return function(*args, **kwargs)

    return wrapper


def after_rollback(call: Callable[[], None]) -> None:
    """Call the function, whose transaction has been rolled back, once its locks are released.

    This is now or, inside `one_transaction`, when that has been rolled back too.
    """
    calls = _after_rollback.get()
    if calls is None:
        call()
    else:
        calls.append(call)
