"""Run the background jobs once, for a timer that calls it every minute.

It may run in any number of processes at once.
"""

from typing import Any

from django.core.management.base import BaseCommand

from appointment import scheduler


class Command(BaseCommand):
    """Run the jobs and print how many rows each has changed."""

    help = (
        "Send messages, end expired waitlist offers and offer their places to the next in line, "
        "expire waitlist entries whose dates have passed, offer free places, sum the days that are "
        "over, for the figures of the desk, delete idempotency keys older than a day, proposals "
        "that have run out, unconfirmed files to import and old messages. Safe to repeat, and in "
        "several processes at once. The API gives the same answers whether or not it runs. "
        "`manage.py worker` does the same until a signal ends it."
    )
    requires_system_checks = ()  # they load the URL table, which this command does not need

    def handle(self, *args: Any, **options: Any) -> None:
        """Run all jobs once."""
        counts = scheduler.run_jobs(scheduler.JOBS)
        self.stdout.write(f"{', '.join(f'{count} {name}' for name, count in counts.items())}.")
