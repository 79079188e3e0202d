"""Do what has fallen due. Run it every minute or with --loop; it may run as often, and in as many
places, as one likes.
"""

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from appointment import scheduler


def seconds(text: str) -> float:
    """A positive number of seconds; raises ArgumentTypeError for anything else."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= 86400:
        raise ArgumentTypeError("use a number of seconds above 0, and a day at most")
    return number


class Command(BaseCommand):
    """Say what was done."""

    help = (
        "Send mail, expire offers to those who wait and pass the places on, close the entries "
        "whose days are over, offer free places to those who wait, forget idempotency keys older "
        "than a day. Idempotent, and safe in several processes at once; no answer of the API "
        "depends on it."
    )
    requires_system_checks = ()  # they load the URL table, of which nothing is needed here

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer to go on until told to end."""
        parser.add_argument(
            "--loop", action="store_true", help="go on until SIGTERM, mail every few seconds"
        )
        parser.add_argument(
            "--interval", type=seconds, default=60.0, help="seconds between two rounds (60)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do all of it once, each piece in transactions of its own, or round after round."""
        if options["loop"]:
            scheduler.Scheduler(options["interval"], self.stdout).run()
            return
        done = [f"{count} {what}" for what, count in scheduler.do(scheduler.WORK).items()]
        self.stdout.write(f"{', '.join(done)}.")
