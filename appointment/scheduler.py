"""Runs the background jobs, once or at intervals."""

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
from appointment.models import StagedImport, SummedDay
from appointment.webhook_sender import delete_old_webhook_messages, send_due_webhooks
from extensions.db.retry import retry_on_conflict

logger = logging.getLogger(__name__)

Job = tuple[str, Callable[[datetime], int]]  # what its count means, and the function
MAIL_JOB: Job = ("mails sent", send_due)
WEBHOOK_JOB: Job = ("messages of webhooks sent", send_due_webhooks)
JOBS: tuple[Job, ...] = (
    ("offers expired", jobs.expire_offers),
    ("entries expired", jobs.expire_entries),
    ("free places offered", jobs.offer_free_places),
    ("idempotency keys deleted", jobs.delete_old_keys),
    ("proposals deleted", jobs.delete_old_proposals),
    ("days summed", SummedDay.objects.sum_days),
    ("files to import deleted", StagedImport.objects.delete_expired),
    MAIL_JOB,
    ("mails deleted", delete_old_mail),
    WEBHOOK_JOB,
    ("messages of webhooks deleted", delete_old_webhook_messages),
)
MAIL_INTERVAL = 5.0  # seconds; a user waits for a mail to verify an address or reset a password


def run_jobs(selected: Iterable[Job]) -> dict[str, int]:
    """Run each job in transactions of its own; map its name to the count that it returned."""
    return {name: retry_on_conflict(job)(timezone.now()) for name, job in selected}


class Scheduler:
    """Runs all jobs every `interval` seconds, and those that send every MAIL_INTERVAL.

    It goes on after errors of a job and of the database. It stops at SIGTERM, at Ctrl-C, and when
    the other end of the pipe `stop_pipe`, a file descriptor, is closed.
    """

    def __init__(self, interval: float, stdout: Any, stop_pipe: int | None = None) -> None:
        self.interval, self.stdout, self.stop_pipe = interval, stdout, stop_pipe
        self.next_round = 0.0

    def run(self) -> None:
        """Run until stopped; a job that is interrupted rolls back its transaction."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            while not self._stops_within(min(MAIL_INTERVAL, self.interval)):
                self.run_due_jobs()
        except KeyboardInterrupt:
            return

    def run_due_jobs(self) -> None:
        """Run the jobs that are due, and print the counts above 0."""
        is_round = time.monotonic() >= self.next_round
        if is_round:
            self.next_round = time.monotonic() + self.interval
        due = JOBS if is_round else (MAIL_JOB, WEBHOOK_JOB)
        counts = {name: self._run_job(name, job) for name, job in due}
        summary = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        if summary:
            self.stdout.write(f"{summary}.")
            self.stdout.flush()

    def _run_job(self, name: str, job: Callable[[datetime], int]) -> int:
        """Run a job; log an error and return 0: the next round tries again."""
        try:
            return retry_on_conflict(job)(timezone.now())
        except Error as error:
            logger.warning("The database failed at %r: %s", name, type(error).__name__)
        except Exception:  # an error in one job must not stop the others
            logger.exception("Failed at %r", name)
        connections.close_all()
        return 0

    def _stops_within(self, seconds: float) -> bool:
        """Wait up to `seconds`; return whether the other end of the pipe was closed meanwhile."""
        watched = [] if self.stop_pipe is None else [self.stop_pipe]
        return bool(select.select(watched, [], [], seconds)[0])
