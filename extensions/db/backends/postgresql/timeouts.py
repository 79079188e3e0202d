"""The database timeouts in force: those of an HTTP request, or of a management command."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache, cached_property

from django.conf import settings

GRACE = 1.5  # seconds that the server's own error may take to arrive


@dataclass(frozen=True)
class Timeouts:
    """Seconds that a lock, a statement and a pause inside a transaction may take; 0 is no limit.

    PostgreSQL enforces these three. The connection watchdog enforces `answer`, the seconds that
    the client waits for the server: a commit may wait for a standby that is lost, and no timeout of
    PostgreSQL ends that wait.
    """

    lock: float
    statement: float
    idle: float
    answer: float = 0

    @cached_property
    def of_server(self) -> dict[str, int]:
        """PostgreSQL's settings, in milliseconds."""
        seconds = {
            "lock_timeout": self.lock,
            "statement_timeout": self.statement,
            "idle_in_transaction_session_timeout": self.idle,
        }
        return {name: round(value * 1000) for name, value in seconds.items()}

    @cached_property
    def of_transaction(self) -> str:
        """The SQL that sets the timeouts for one transaction.

        SET LOCAL ends with the transaction, so it works through PgBouncer. Sent in one message with
        the first statement, it costs no round trip.
        """
        return "".join(f"SET LOCAL {name} = {value}; " for name, value in self.of_server.items())

    @cached_property
    def of_statement(self) -> str:
        """The SQL that sets the timeouts for one statement in autocommit."""
        return self.of_transaction.partition("SET LOCAL idle")[0]

    @cached_property
    def options(self) -> str:
        """The options of libpq that set the timeouts for a whole connection."""
        return " ".join(f"-c {name}={value}" for name, value in self.of_server.items())


_timeouts: ContextVar[Timeouts | None] = ContextVar("timeouts", default=None)


def request_timeouts() -> Timeouts:
    """Return the timeouts of a request: DATABASE_LIMITS, and GRACE on `statement` for `answer`."""
    return _of_request(**settings.DATABASE_LIMITS)


@cache
def _of_request(lock: float, statement: float, idle: float) -> Timeouts:
    return Timeouts(lock, statement, idle, answer=statement and statement + GRACE)


@cache
def _of_command(of_request: Timeouts) -> Timeouts:
    return replace(of_request, statement=0, answer=0)


def in_request() -> bool:
    """Whether the caller runs inside `use_timeouts`, as every HTTP request does and no command."""
    return _timeouts.get() is not None


def current_timeouts() -> Timeouts:
    """Return the timeouts in force; outside a request only those for locks and pauses."""
    return _timeouts.get() or _of_command(request_timeouts())


@contextmanager
def use_timeouts(timeouts: Timeouts | None = None) -> Iterator[None]:
    """Keep to these timeouts in the block; by default to those of a request."""
    token = _timeouts.set(timeouts or request_timeouts())
    try:
        yield
    finally:
        _timeouts.reset(token)


@contextmanager
def short_timeouts(seconds: float) -> Iterator[None]:
    """Set all timeouts to these seconds for the block, to ask whether the server answers."""
    with use_timeouts(Timeouts(lock=seconds, statement=seconds, idle=seconds, answer=seconds)):
        yield
