"""Verbs that look before they lock, and begin again when what they saw has changed."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import OperationalError, transaction

from appointment.exceptions import StaleLock

TRIES = 10


def retry_on_stale_lock(verb: Callable[..., Any]) -> Callable[..., Any]:
    """One transaction, begun again when an offer moved before its slot was locked.

    What is undone gives its locks back, so that no slot is ever waited for with an entry in hand.
    Raises OperationalError, which is told as "try again", where it never stands still.
    """

    @wraps(verb)
    def again(*args: Any, **kwargs: Any) -> Any:
        for _ in range(TRIES):
            try:
                with transaction.atomic():
                    return verb(*args, **kwargs)
            except StaleLock:
                continue
        raise OperationalError("An offer changed hands too often.")

    return again
