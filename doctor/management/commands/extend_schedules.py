"""Make the sessions that weekly hours lack, as far ahead as the clinic plans."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from doctor.models import WeeklyHours
from doctor.models.weekly_hours import A_DAY, Made
from extensions.db.retry import retry_on_conflict

LISTED = 20
MOST_DAYS = 3653
SECONDS_BETWEEN_NOTES = 5


def days(text: str) -> int:
    """A number of days that a calendar holds."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_DAYS:
        raise ArgumentTypeError(f"a whole number from 1 to {MOST_DAYS}, not {text!r}")
    return int(text)


class Command(BaseCommand):
    """Extend every calendar, one transaction a doctor."""

    help = (
        "Make the sessions that weekly hours lack from tomorrow on. Repeating it changes nothing, "
        "two at once do no harm, and a run that is killed is completed by the next: run it daily."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer another horizon than the setting's."""
        told = f"days ahead, instead of HOURS_AHEAD_DAYS ({settings.HOURS_AHEAD_DAYS})"
        parser.add_argument("--days", type=days, default=settings.HOURS_AHEAD_DAYS, help=told)

    def handle(self, *args: Any, days: int, **options: Any) -> None:
        """Go from doctor to doctor, by key."""
        at = timezone.now()
        lasting = WeeklyHours.objects.valid_on_or_after(at.date() - A_DAY)
        doctors = list(lasting.order_by("doctor").values_list("doctor", flat=True).distinct())
        self.sessions = self.slots = self.left_out = 0
        self.noted_at = time.monotonic()
        for number, doctor in enumerate(doctors, start=1):
            extend = retry_on_conflict(WeeklyHours.objects.extend)
            for hours, made in extend(doctor, days, at).items():
                self.count(hours, made)
            self.note_progress(f"{number:,} of {len(doctors):,} doctors")
        self.conclude(f"{len(doctors):,} doctors, {days} days ahead")

    def count(self, hours: WeeklyHours, made: Made) -> None:
        """Add to the totals, and name the first of the days that are left out."""
        self.sessions += made.sessions
        self.slots += made.slots
        for day, reason in made.skipped[: max(0, LISTED - self.left_out)]:
            self.stdout.write(f"Left out: {day}, {hours}. {reason}")
        self.left_out += len(made.skipped)

    def note_progress(self, done: str) -> None:
        """Say now and then how far it is."""
        if time.monotonic() - self.noted_at > SECONDS_BETWEEN_NOTES:
            self.noted_at = time.monotonic()
            self.stderr.write(f"... {done}: {self.so_far()}")

    def so_far(self) -> str:
        return f"{self.sessions:,} sessions with {self.slots:,} slots made"

    def conclude(self, reach: str) -> None:
        """Say what was made, and how many days were left out beyond those named."""
        if self.left_out > LISTED:
            self.stdout.write(f"Left out: {self.left_out - LISTED:,} more.")
        self.stdout.write(f"{self.so_far()} ({reach}).")
