"""Reads on a standby of PostgreSQL: when a read may go there, and how far it is behind."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from time import monotonic

from django.db import DEFAULT_DB_ALIAS, Error, connections

from extensions.db.backends.postgresql.timeouts import short_timeouts

logger = logging.getLogger("extensions.db.replica")

REPLICA = "replica"  # the alias in DATABASES
CHECKED_EVERY = 1.0  # seconds that a measured lag counts
REST = 10.0  # seconds without the standby after it has failed
CHECK_SECONDS = 2.0  # that the primary and the standby each have to answer the check
# What /readyz tells: it serves reads; too old; answers no check; failed a read; takes writes.
USABLE, BEHIND, UNREACHABLE, FAILED, PROMOTED = "ok", "behind", "unreachable", "failed", "promoted"

# In this order. What the standby has replayed by now includes what the primary had written before,
# or else the standby is behind. Both instants are of the primary's clock.
OF_PRIMARY = "SELECT pg_current_wal_flush_lsn(), clock_timestamp()"
OF_STANDBY = (
    "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= %s::pg_lsn, "
    "extract(epoch FROM %s - pg_last_xact_replay_timestamp())"
)

_reads_replica: ContextVar[bool] = ContextVar("reads_replica", default=False)


class NotInRecovery(Error):
    """The server at the standby's address follows no primary: it was promoted."""


@contextmanager
def reads_on_replica() -> Iterator[None]:
    """Let reads in the block go to the standby."""
    token = _reads_replica.set(True)
    try:
        yield
    finally:
        _reads_replica.reset(token)


def alias_for_read() -> str:
    """Return the alias of the database for a read: a transaction's reads stay on the primary."""
    in_transaction = connections[DEFAULT_DB_ALIAS].in_atomic_block
    return REPLICA if _reads_replica.get() and not in_transaction else DEFAULT_DB_ALIAS


def measured_lag() -> float:
    """Return by how many seconds the standby is behind the primary; 0 if it has everything.

    The standby's own figures cannot tell: cut off from its primary, it has replayed all it knows.
    Raises NotInRecovery for a promoted server, and django.db.Error if one of the two is away.
    """
    with short_timeouts(CHECK_SECONDS):
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(OF_PRIMARY)
            written, now = cursor.fetchone()
        with connections[REPLICA].cursor() as cursor:
            cursor.execute(OF_STANDBY, [written, now])
            in_recovery, has_all, seconds = cursor.fetchone()
    if not in_recovery:
        raise NotInRecovery
    if has_all:
        return 0.0
    return float("inf") if seconds is None else max(0.0, float(seconds))


class Standby:
    """The standby as this process sees it. `state` is one of the words above.

    One thread at a time checks it, at most once in CHECKED_EVERY seconds; the others act on the
    state of the check before. After a failure no thread connects to it for REST seconds, and then
    one does.
    """

    def __init__(
        self,
        max_lag: float,
        measure: Callable[[], float] = measured_lag,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.max_lag, self._measure, self._clock = max_lag, measure, clock
        self.state = UNREACHABLE
        self._check_at = clock()
        self._checking = Lock()

    def is_usable(self) -> bool:
        """Whether reads may go to it; checks it if the last check is too old."""
        if self._clock() >= self._check_at and self._checking.acquire(blocking=False):
            try:
                self._check(self._check_at)
            finally:
                self._checking.release()
        return self.state == USABLE

    def rest(self) -> None:
        """Use it no more for REST seconds: a read there has failed."""
        self._check_at = self._clock() + REST
        self._become(FAILED)
        connections[REPLICA].close()

    def _check(self, due: float) -> None:
        """Measure the lag; keep to `rest` where another thread has called it meanwhile."""
        state = self._measured()
        if self._check_at == due:
            is_away = state in (UNREACHABLE, PROMOTED)
            self._check_at = self._clock() + (REST if is_away else CHECKED_EVERY)
            self._become(state)

    def _measured(self) -> str:
        try:
            return USABLE if self._measure() <= self.max_lag else BEHIND
        except NotInRecovery:
            return PROMOTED
        except Error:
            connections[REPLICA].close()
            return UNREACHABLE

    def _become(self, state: str) -> None:
        if state != self.state:
            self.state = state
            logger.warning(
                "The standby is %s.", "in use" if state == USABLE else f"{state}: unused"
            )
