"""The caller, IP address and channel that all audit events of one call or command share."""

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
    """What audit events say about their API call, admin page or command.

    `user` calls `get_user` each time, since the user is authenticated after the context is made.
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
    """Make this the context that `current_context` returns inside the block."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
