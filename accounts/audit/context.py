"""Who is calling, from where and by which way in: what is the same for all that one call does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accounts.models import User

API, ADMIN, COMMAND = "api", "admin", "command"


def no_user() -> None:
    """Whom a command is run by: nobody with an account."""


@dataclass(frozen=True)
class RequestContext:
    """A call of the API, a page of the admin, or a command, which is nobody's.

    `get_user` is asked each time: a view finds out who calls only after the call has begun.
    """

    channel: str = COMMAND
    address: str = ""
    request_id: str = ""
    get_user: Callable[[], Any] = field(default=no_user, repr=False)

    @property
    def user(self) -> "User | None":
        """Who has been found to call; None for somebody unknown."""
        user = self.get_user()
        return user if user is not None and user.is_authenticated else None


COMMAND_CONTEXT = RequestContext()
_caller: ContextVar[RequestContext] = ContextVar("caller", default=COMMAND_CONTEXT)


def current_context() -> RequestContext:
    """Who is calling just now; outside a request it is a command."""
    return _caller.get()


@contextmanager
def use_context(somebody: RequestContext) -> Iterator[None]:
    """What runs inside is done for this caller."""
    token = _caller.set(somebody)
    try:
        yield
    finally:
        _caller.reset(token)
