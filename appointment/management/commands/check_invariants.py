"""Does the database still say what it must? Safe to run at any time on a live one."""

import time
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from appointment.invariants import RULES, Rule, Window, windows

LISTED = 100
SECONDS_BETWEEN_NOTES = 5


class Command(BaseCommand):
    """Exit 0 when the invariants hold; else name the rows of which one is not true and exit 1."""

    help = (
        "Verify I1 to I4 of the design: counters equal appointments, nothing overlaps, places are "
        f"restored once, nobody is stranded. Names the first {LISTED} broken rows of each rule and "
        "exits 1. Reads windows of rows, one statement each: fit for a live database of any size."
    )
    requires_system_checks = ()  # they load the URL table, of which nothing is needed here

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer the size of a window: more is quicker and takes more memory."""
        parser.add_argument("--window", type=int, default=10_000, help="rows a statement covers")

    def handle(self, *args: Any, window: int, verbosity: int, **options: Any) -> None:
        """Go through the tables; raises CommandError, which exits 1, where a rule is broken."""
        self.rows: Counter[str] = Counter()
        self.broken: Counter[Rule] = Counter()
        self.talks = verbosity > 1 or self.stderr.isatty()
        self.noted_at = time.monotonic()
        for model in dict.fromkeys(rule.model for rule in RULES):
            for part in windows(model, max(1, window)):
                self.inspect([rule for rule in RULES if rule.model is model], part)
        self.conclude()

    def inspect(self, rules: list[Rule], window: Window) -> None:
        """Name the rows of a window of which a rule is not true."""
        for rule in rules:
            complaints = rule.complaints(window)
            for line in complaints[: max(0, LISTED - self.broken[rule])]:
                self.stdout.write(line)
            self.broken[rule] += len(complaints)
        self.rows[str(rules[0].model._meta.verbose_name_plural)] += window.rows
        self.note_progress()

    def note_progress(self) -> None:
        """Say now and then to whoever watches how far it is."""
        if self.talks and time.monotonic() - self.noted_at > SECONDS_BETWEEN_NOTES:
            self.noted_at = time.monotonic()
            self.stderr.write(f"... {self.checked()}")

    def checked(self) -> str:
        return ", ".join(f"{rows:,} {name}" for name, rows in self.rows.items()) or "no rows"

    def conclude(self) -> None:
        """Say what was checked and how much of it is broken."""
        for rule, rows in self.broken.items():
            if rows > LISTED:
                self.stdout.write(f"{rule.invariant} and {rows - LISTED:,} more: {rule.complaint}")
        if broken := self.broken.total():
            raise CommandError(f"{broken:,} broken rules in {self.checked()}.")
        self.stdout.write(f"I1 to I4 hold: {self.checked()} checked.")
