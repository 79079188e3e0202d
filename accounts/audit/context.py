"""Who calls, from which address and through which channel: the same for all that one call does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

API, ADMIN, COMMAND = "api", "admin", "command"


def no_user() -> None:
    """Return None: a command runs without an account."""


@dataclass(frozen=True)
class RequestContext:
    """A call of the API, a page of the admin, or a command.

    `get_user` is called each time: the view finds out who calls after the call has begun.
    """

    channel: str = COMMAND
    address: str = ""
    request_id: str = ""
    get_user: Callable[[], Any] = field(default=no_user, repr=False)

    @property
    def user(self) -> Any:
        """The user who calls; None for an anonymous call and for a command."""
        user = self.get_user()
        return user if user is not None and user.is_authenticated else None


COMMAND_CONTEXT = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("request_context", default=COMMAND_CONTEXT)


def current_context() -> RequestContext:
    """Return the context of the call; outside a request it is that of a command."""
    return _current.get()


@contextmanager
def use_context(context: RequestContext) -> Iterator[None]:
    """Run the block in this context."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
