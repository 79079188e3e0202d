"""Run the background jobs: once, for a timer that calls it every minute, or in a loop.

It may run in any number of processes at once.
"""

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from appointment import scheduler


def seconds(text: str) -> float:
    """Parse seconds above 0 and up to a day; raises ArgumentTypeError for anything else."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= 86400:
        raise ArgumentTypeError("use a number of seconds above 0 and up to 86400, a day")
    return number


class Command(BaseCommand):
    """Run the jobs and print how many rows each has changed."""

    help = (
        "Send mail, end expired waitlist offers and offer their places to the next in line, expire "
        "waitlist entries whose dates have passed, offer free places, sum the days that are over, "
        "for the figures of the desk, delete idempotency keys "
        "older than a day, proposals that have run out, unconfirmed files to import and mails "
        "older than a week. Safe to "
        "repeat, and in several processes at once. The API gives the same answers whether or not "
        "it runs."
    )
    requires_system_checks = ()  # they load the URL table, which this command does not need

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options of the loop."""
        parser.add_argument(
            "--loop", action="store_true", help="run until SIGTERM, sending mail every 5 seconds"
        )
        parser.add_argument(
            "--interval",
            type=seconds,
            default=60.0,
            help="seconds between two runs of all jobs (60)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run all jobs once, or in a loop."""
        if options["loop"]:
            scheduler.Scheduler(options["interval"], self.stdout).run()
            return
        counts = scheduler.run_jobs(scheduler.JOBS)
        self.stdout.write(f"{', '.join(f'{count} {name}' for name, count in counts.items())}.")
