"""Runs the background jobs, once or at intervals."""

import logging
import select
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db import Error, connections
from django.utils import timezone

from accounts.sending import delete_old_messages, send_due, sender_with_pauses
from appointment import jobs
from appointment.messages.daysheets import queue_daysheets
from appointment.messages.reminders import queue_reminders
from appointment.models import StagedImport, SummedDay, WorkerHeartbeat
from appointment.models.worker_heartbeat import BEATS_EVERY
from appointment.webhook_sender import delete_old_webhook_messages, send_due_webhooks
from extensions.db.retry import retry_on_conflict
from extensions.interrupts import interrupts

logger = logging.getLogger(__name__)

Job = tuple[str, Callable[[datetime], int]]  # what its count means, and the function
QUICK_JOBS: tuple[Job, ...] = (
    ("messages sent", send_due),
    ("messages of webhooks sent", send_due_webhooks),
)
JOBS: tuple[Job, ...] = (
    ("offers expired", jobs.expire_offers),
    ("entries expired", jobs.expire_entries),
    ("free places offered", jobs.offer_free_places),
    ("idempotency keys deleted", jobs.delete_old_keys),
    ("proposals deleted", jobs.delete_old_proposals),
    ("days summed", SummedDay.objects.sum_days),
    ("files to import deleted", StagedImport.objects.delete_expired),
    ("reminders queued", queue_reminders),
    ("day sheets queued", queue_daysheets),
    *QUICK_JOBS,
    ("messages deleted", delete_old_messages),
    ("messages of webhooks deleted", delete_old_webhook_messages),
)
MOST_SECONDS = 50.0  # of a quick job in a single run, which a timer repeats every minute
QUICK_INTERVAL = 1.0  # seconds; a user waits for a mail to verify an address or reset a password


def run_jobs(selected: Iterable[Job]) -> dict[str, int]:
    """Run each job in transactions of its own; map its name to the count that it returned.

    A quick job runs until it has nothing left to do, but begins no round after MOST_SECONDS.
    """
    counts: dict[str, int] = {}
    for name, job in selected:
        counts[name], ends_at = 0, time.monotonic() + MOST_SECONDS
        while done := retry_on_conflict(job)(timezone.now()):
            counts[name] += done
            if (name, job) not in QUICK_JOBS or time.monotonic() > ends_at:
                break
    return counts


class Scheduler:
    """Runs all jobs every `interval` seconds, and the quick ones every QUICK_INTERVAL.

    It goes on after errors of a job and of the database. It stops at SIGTERM, at Ctrl-C, and when
    the other end of the pipe `stop_pipe`, a file descriptor, is closed. It finishes the message
    that it is sending first; at a second signal it does not, and another process sends it later.
    """

    def __init__(self, interval: float, stdout: Any, stop_pipe: int | None = None) -> None:
        self.interval, self.stdout, self.stop_pipe = interval, stdout, stop_pipe
        self.next_round = self.next_beat = 0.0
        self.quick_jobs = tuple(
            (name, sender_with_pauses() if job is send_due else job) for name, job in QUICK_JOBS
        )

    def run(self) -> None:
        """Run until stopped; a job that is interrupted rolls back its transaction."""
        interrupts.catch()
        seconds = min(QUICK_INTERVAL, self.interval)
        try:
            while not self._stops_within(seconds):
                did_much = self.run_due_jobs()
                seconds = 0 if did_much else min(QUICK_INTERVAL, self.interval)
        except KeyboardInterrupt:
            return

    def run_due_jobs(self) -> bool:
        """Run the jobs that are due, and print the counts above 0.

        Return whether a quick job did something: there may be more for it to do at once.
        """
        self._beat()
        is_round = time.monotonic() >= self.next_round
        if is_round:
            self.next_round = time.monotonic() + self.interval
        quick = dict(self.quick_jobs)
        due = [(name, quick.get(name, job)) for name, job in JOBS] if is_round else quick.items()
        counts = {name: self._run_job(name, job) for name, job in due}
        summary = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        if summary:
            self.stdout.write(f"{summary}.")
            self.stdout.flush()
        return any(counts[name] for name in quick)

    def _beat(self) -> None:
        """Note every BEATS_EVERY that this process works."""
        if time.monotonic() >= self.next_beat:
            self.next_beat = time.monotonic() + BEATS_EVERY.total_seconds()
            self._run_job("heartbeat", WorkerHeartbeat.objects.beat)

    def _run_job(self, name: str, job: Callable[[datetime], Any]) -> int:
        """Run a job; log an error and return 0: the next round tries again."""
        try:
            return retry_on_conflict(job)(timezone.now()) or 0
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
