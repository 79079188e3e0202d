"""Generate the missing sessions of weekly hours for the coming days."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from doctor.models import WeeklyHours
from doctor.models.session_generation import GeneratedSessions
from doctor.wall_time import A_DAY
from extensions.db.retry import retry_on_conflict

MOST_DAYS_LISTED = 20
MOST_DAYS = 3653
SECONDS_BETWEEN_REPORTS = 5


def days(text: str) -> int:
    """Parse a number of days from 1 to ten years; raises ArgumentTypeError for any other text."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_DAYS:
        raise ArgumentTypeError(f"a whole number from 1 to {MOST_DAYS}, not {text!r}")
    return int(text)


class Command(BaseCommand):
    """Extend the sessions of all doctors, one transaction a doctor."""

    help = (
        "Generate the missing sessions of weekly hours from tomorrow on. A second run changes "
        "nothing, two runs at once do no harm, and the next run completes one that was killed: "
        "run it daily."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--days`."""
        text = f"days ahead, instead of HOURS_AHEAD_DAYS ({settings.HOURS_AHEAD_DAYS})"
        parser.add_argument("--days", type=days, default=settings.HOURS_AHEAD_DAYS, help=text)

    def handle(self, *args: Any, days: int, **options: Any) -> None:
        """Extend the sessions of one doctor after the other, by primary key."""
        at = timezone.now()
        current = WeeklyHours.objects.valid_on_or_after(at.date() - A_DAY)
        doctors = list(current.order_by("doctor").values_list("doctor", flat=True).distinct())
        self.sessions = self.slots = self.skipped = 0
        self.reported_at = time.monotonic()
        extend = retry_on_conflict(WeeklyHours.objects.extend)
        for number, doctor in enumerate(doctors, start=1):
            for hours, generated in extend(doctor, days, at).items():
                self.count(hours, generated)
            self.report_progress(f"{number:,} of {len(doctors):,} doctors")
        self.report_totals(f"{len(doctors):,} doctors, {days} days ahead")

    def count(self, hours: WeeklyHours, generated: GeneratedSessions) -> None:
        """Add to the totals, and print the first skipped days."""
        self.sessions += generated.sessions
        self.slots += generated.slots
        for day, reason in generated.skipped[: max(0, MOST_DAYS_LISTED - self.skipped)]:
            self.stdout.write(f"Left out: {day}, {hours}. {reason}")
        self.skipped += len(generated.skipped)

    def report_progress(self, done: str) -> None:
        """Print the totals so far to standard error, at most every five seconds."""
        if time.monotonic() - self.reported_at > SECONDS_BETWEEN_REPORTS:
            self.reported_at = time.monotonic()
            self.stderr.write(f"... {done}: {self.totals()}")

    def totals(self) -> str:
        """Return the totals so far as text."""
        return f"{self.sessions:,} sessions with {self.slots:,} slots made"

    def report_totals(self, extent: str) -> None:
        """Print the totals, and how many skipped days were not printed."""
        if self.skipped > MOST_DAYS_LISTED:
            self.stdout.write(f"Left out: {self.skipped - MOST_DAYS_LISTED:,} more.")
        self.stdout.write(f"{self.totals()} ({extent}).")
