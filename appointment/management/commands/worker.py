"""Run the background jobs until a signal ends it: a service of its own beside the server.

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
    """Send messages within a second or so, and run all jobs at intervals, until SIGTERM."""

    help = (
        "Run all background work until SIGTERM: messages every second, and every other job of "
        "run_due at intervals. Any number of these processes may run at once, on any machines."
    )
    requires_system_checks = ()  # they load the URL table, which this command does not need

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the option of the interval."""
        parser.add_argument(
            "--interval",
            type=seconds,
            default=60.0,
            help="seconds between two runs of all jobs (60)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the jobs until a signal ends the process."""
        scheduler.Scheduler(options["interval"], self.stdout).run()
