"""Move coming slots and visits to the wall times that were promised, after new time zone data."""

from argparse import ArgumentParser
from collections import Counter
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Q
from django.utils import timezone

from appointment.admin.time_off import with_clock
from appointment.models.zone_repair import Repaired, displaced_doctors, repair
from doctor.models import Doctor, TimeOff
from extensions.db.batches import key_batches
from extensions.db.retry import retry_on_conflict

MOST_LINES = 100  # of each kind
COUNTS = ("sessions", "removed", "made")
VISITS = ("moved_visits", "kept_visits")


class Command(BaseCommand):
    """Repair the coming slots of all doctors, one transaction a doctor."""

    help = (
        "Run it after an update of the package tzdata. Where a government has changed its clocks, "
        "move coming slots and their visits, so that they keep the wall times for which patients "
        "booked. A visit that cannot move is put on the work list. A second run changes nothing, "
        "and the next run completes one that was killed."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--dry-run`."""
        text = "print what would be changed, and change nothing"
        parser.add_argument("--dry-run", action="store_true", help=text)

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        """Repair one doctor after the other, by primary key."""
        at = timezone.now()
        tried: list[set[int]] = []
        repaired: set[int] = set()
        self.totals: Counter[str] = Counter()
        self.lines: dict[str, list[str]] = {kind: [] for kind in VISITS}
        self.concerned: tuple[set[int], set[int]] = set(), set()  # doctors and locations
        for keys in key_batches(Doctor.objects.all()):
            for doctor in displaced_doctors(keys, at):
                if doctor not in repaired:
                    done = retry_on_conflict(repair)(doctor, at, dry_run, tried)
                    tried.append(done.doctors)
                    repaired |= done.doctors
                    self.add(done)
        for kind in VISITS:
            self.print_lines(self.lines[kind], self.totals[kind])
        self.print_time_off(at)
        self.print_totals(dry_run)

    def add(self, done: Repaired) -> None:
        """Count what a repair has changed; keep its first lines, so that memory does not grow."""
        for name in COUNTS:
            self.totals[name] += getattr(done, name)
        for kind in VISITS:
            lines = getattr(done, kind)
            self.totals[kind] += len(lines)
            self.lines[kind] += lines[: MOST_LINES - len(self.lines[kind])]
        if done.sessions:
            self.concerned[0].update(done.doctors)
            self.concerned[1].update(done.locations)

    def print_lines(self, lines: list[str], number: int) -> None:
        """Print the first lines, and how many there are more."""
        for line in lines[:MOST_LINES]:
            self.stdout.write(line)
        if number > MOST_LINES:
            self.stdout.write(f"... and {number - MOST_LINES:,} more.")

    def print_time_off(self, at: datetime) -> None:
        """List the coming leave and closures, whose instants stay: staff compare the wall times.

        The times are on the clocks on which the admin shows them.
        """
        doctors, locations = self.concerned
        whose = Q(doctor__in=doctors) | Q(location__in=locations)
        coming = with_clock(TimeOff.objects.filter(whose, ends_at__gt=at).with_names())
        ordered = coming.order_by("starts_at", "pk")
        rows = [f"Time off {row.pk} stays; check its times: {row}" for row in ordered]
        self.print_lines(rows, len(rows))

    def print_totals(self, dry_run: bool) -> None:
        """Print what was changed in all, or would be."""
        self.stdout.write(
            f"{'Would change' if dry_run else 'Changed'} {self.totals['sessions']:,} sessions: "
            f"{self.totals['moved_visits']:,} visits moved, "
            f"{self.totals['kept_visits']:,} kept over to be rebooked; "
            f"{self.totals['removed']:,} free slots removed, {self.totals['made']:,} made."
        )
