"""What falls due, done once or round after round."""

import logging
import select
import signal
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db import Error, connections
from django.utils import timezone

from accounts.models import delete_old_mail, send_due
from appointment import jobs
from extensions.db.retry import retry_on_conflict

logger = logging.getLogger(__name__)

Work = tuple[str, Callable[[datetime], int]]
MAIL: Work = ("mails sent", send_due)
WORK: tuple[Work, ...] = (
    ("offers expired", jobs.expire_offers),
    ("entries expired", jobs.expire_entries),
    ("free places offered", jobs.offer_free_places),
    ("idempotency keys forgotten", jobs.forget_keys),
    MAIL,
    ("mails forgotten", delete_old_mail),
)
MAIL_EVERY = 5.0  # seconds: somebody sits there and waits for it


def do(work: Iterable[Work]) -> dict[str, int]:
    """Do each piece in transactions of its own; how much of each was done."""
    return {what: retry_on_conflict(piece)(timezone.now()) for what, piece in work}


class Scheduler:
    """Does everything that is due every so many seconds, and sends mail every few.

    It outlives what befalls it, an outage of the database too, and ends at SIGTERM and Ctrl-C, or
    when the other end of a pipe is closed: `until` is a file descriptor to read that from.
    """

    def __init__(self, interval: float, stdout: Any, until: int | None = None) -> None:
        self.interval, self.stdout, self.until = interval, stdout, until
        self.next_round = 0.0

    def run(self) -> None:
        """Go round until told to end; what was under way is undone by its transaction."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            while not self._has_ended_within(min(MAIL_EVERY, self.interval)):
                self.turn()
        except KeyboardInterrupt:
            return

    def turn(self) -> None:
        """Do what is due by now, one piece after the other, and say what was done, if anything."""
        is_round = time.monotonic() >= self.next_round
        if is_round:
            self.next_round = time.monotonic() + self.interval
        done = {what: self._attempt(what, piece) for what, piece in (WORK if is_round else (MAIL,))}
        told = ", ".join(f"{count} {what}" for what, count in done.items() if count)
        if told:
            self.stdout.write(f"{told}.")
            self.stdout.flush()

    def _attempt(self, what: str, piece: Callable[[datetime], int]) -> int:
        """Do a piece; a failure is logged, and the next round tries again."""
        try:
            return retry_on_conflict(piece)(timezone.now())
        except Error as error:
            logger.warning("The database failed at %r: %s", what, type(error).__name__)
        except Exception:  # whatever is wrong with one piece must not stop the others
            logger.exception("Failed at %r", what)
        connections.close_all()
        return 0

    def _has_ended_within(self, seconds: float) -> bool:
        """Wait; whether the other end was closed meanwhile."""
        watched = [] if self.until is None else [self.until]
        return bool(select.select(watched, [], [], seconds)[0])
