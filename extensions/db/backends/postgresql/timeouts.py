"""How long the database may keep anybody waiting, and who is kept waiting that long."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from django.conf import settings

GRACE = 1.5  # seconds for a limit that the server keeps to be heard of here


@dataclass(frozen=True)
class Timeouts:
    """Seconds for a lock, for a statement and between two statements of a transaction; 0 is none.

    The server keeps these. `answer` is kept here, for when nothing is heard of the server at all:
    a commit may wait for a standby that is gone, and no limit of the server ends that.
    """

    lock: float
    statement: float
    idle: float
    answer: float = 0

    def sql(self, of_transaction: bool = True) -> str:
        """What sets them for one transaction, or one statement, to stand before its first word.

        The limits go with the transaction, so that they hold through PgBouncer, and in one message
        with the statement, so that they cost no round trip.
        """
        of_server = {"lock_timeout": self.lock, "statement_timeout": self.statement}
        if of_transaction:
            of_server["idle_in_transaction_session_timeout"] = self.idle
        return "".join(f"SET LOCAL {k} = {round(v * 1000)}; " for k, v in of_server.items())


_in_force: ContextVar[Timeouts | None] = ContextVar("limits", default=None)


def request_timeouts() -> Timeouts:
    """The limits that the environment sets, for requests."""
    limits = Timeouts(**settings.DATABASE_LIMITS)
    return replace(limits, answer=limits.statement and limits.statement + GRACE)


def in_request() -> bool:
    """Whether somebody waits for an answer: a command's statements may take long."""
    return _in_force.get() is not None


def current_timeouts() -> Timeouts:
    """The limits of this moment; a command's statements have none, its locks and pauses do."""
    return _in_force.get() or replace(request_timeouts(), statement=0, answer=0)


@contextmanager
def use_timeouts(limits: Timeouts | None = None) -> Iterator[None]:
    """Somebody waits meanwhile: these limits are in force, or those of requests."""
    before = _in_force.set(limits or request_timeouts())
    try:
        yield
    finally:
        _in_force.reset(before)


@contextmanager
def short_timeouts(seconds: float) -> Iterator[None]:
    """Nothing is waited for longer than that meanwhile; for a look at whether anybody answers."""
    with use_timeouts(Timeouts(lock=seconds, statement=seconds, idle=seconds, answer=seconds)):
        yield
