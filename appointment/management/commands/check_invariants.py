"""Check the invariants of `appointment.invariants` on a live database."""

import re
import time
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from appointment.invariants import CHECKS, Check, Window, windows

MAX_LISTED = 100  # violating rows of each check
PROGRESS_INTERVAL = 5  # seconds


class Command(BaseCommand):
    """Exit 0 if the invariants hold; else print the violating rows and exit 1."""

    help = (
        "Check that the places taken equal the visits and offers (I1), that nothing overlaps (I2), "
        "that each visit was canceled at most once (I3) and has its slot (I4), that coming slots "
        "are where their wall times put them (I6), and that people are found and sorted by their "
        "names (I7). Prints the first "
        f"{MAX_LISTED} violating rows of each check and exits 1. Safe on a live database of any "
        "size: each statement reads one window of rows."
    )
    requires_system_checks = ()  # they load the URL table, which this command does not need

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option for the size of a window; a larger one is faster and takes more memory."""
        parser.add_argument("--window", type=int, default=10_000, help="rows per statement")

    def handle(self, *args: Any, window: int, verbosity: int, **options: Any) -> None:
        """Check all tables; raises CommandError, which exits 1, for a violated invariant."""
        self.rows: Counter[str] = Counter()
        self.violations: Counter[Check] = Counter()
        self.shows_progress = verbosity > 1 or self.stderr.isatty()
        self.progress_at = time.monotonic()
        for model in dict.fromkeys(check.model for check in CHECKS):
            for part in windows(model, max(1, window)):
                self.check_window([check for check in CHECKS if check.model is model], part)
        self.print_summary()

    def check_window(self, checks: list[Check], window: Window) -> None:
        """Run the checks of one model on a window, and print the violating rows."""
        for check in checks:
            violations = check.violations(window)
            for line in violations[: max(0, MAX_LISTED - self.violations[check])]:
                self.stdout.write(line)
            self.violations[check] += len(violations)
        self.rows[self.name_of(checks[0].model)] += window.rows
        self.print_progress()

    def name_of(self, model: Any) -> str:
        """Return the name of the rows for operators, who read the tables: slots, not times."""
        return re.sub("(?<!^)(?=[A-Z])", " ", model._meta.object_name).lower() + "s"

    def print_progress(self) -> None:
        """Print, at most every PROGRESS_INTERVAL, how many rows have been read."""
        if self.shows_progress and time.monotonic() - self.progress_at > PROGRESS_INTERVAL:
            self.progress_at = time.monotonic()
            self.stderr.write(f"... {self.row_counts()}")

    def row_counts(self) -> str:
        """Return the number of rows read, by model."""
        return ", ".join(f"{rows:,} {name}" for name, rows in self.rows.items()) or "no rows"

    def print_summary(self) -> None:
        """Print what was checked; raises CommandError for violations."""
        for check, rows in self.violations.items():
            if rows > MAX_LISTED:
                more = f"{check.invariant} and {rows - MAX_LISTED:,} more: {check.message}"
                self.stdout.write(more)
        if violations := self.violations.total():
            raise CommandError(f"{violations:,} violations in {self.row_counts()}.")
        names = ", ".join(sorted({check.invariant for check in CHECKS}))
        self.stdout.write(f"{names} hold: {self.row_counts()} checked.")
