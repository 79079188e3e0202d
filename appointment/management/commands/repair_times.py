"""Move coming slots and visits to the wall times that were promised, after new time zone data."""

from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Q
from django.utils import timezone

from appointment.models.zone_repair import Repaired, displaced_doctors, repair
from doctor.models import Doctor, TimeOff
from extensions.db.batches import key_batches
from extensions.db.retry import retry_on_conflict

MOST_LINES = 100  # of each kind
COUNTS = ("sessions", "removed", "made")


class Command(BaseCommand):
    """Repair the coming slots of all doctors, one transaction a doctor."""

    help = (
        "Run it after an update of the package tzdata. Where a government has changed its clocks, "
        "move coming slots and their visits, so that the wall times that patients were told stand. "
        "A visit that cannot move is put on the work list. A second run changes nothing, and the "
        "next run completes one that was killed."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--dry-run`."""
        text = "print what would be changed, and change nothing"
        parser.add_argument("--dry-run", action="store_true", help=text)

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        """Repair one doctor after the other, by primary key."""
        at = timezone.now()
        done: list[Repaired] = []
        repaired: set[int] = set()
        for keys in key_batches(Doctor.objects.all()):
            for doctor in displaced_doctors(keys, at):
                if doctor not in repaired:
                    done.append(retry_on_conflict(repair)(doctor, at, dry_run))
                    repaired |= done[-1].doctors
        self.print_lines(line for each in done for line in each.moved_visits)
        self.print_lines(line for each in done for line in each.kept_visits)
        self.print_time_off(done, at)
        self.print_totals(done, dry_run)

    def print_lines(self, lines: Iterable[str]) -> None:
        """Print the first lines, and how many there are more."""
        every = list(lines)
        for line in every[:MOST_LINES]:
            self.stdout.write(line)
        if len(every) > MOST_LINES:
            self.stdout.write(f"... and {len(every) - MOST_LINES:,} more.")

    def print_time_off(self, done: list[Repaired], at: datetime) -> None:
        """List the coming leave and closures, whose instants stay: staff compare the wall times."""
        doctors = {pk for each in done if each.sessions for pk in each.doctors}
        locations = {pk for each in done for pk in each.locations}
        whose = Q(doctor__in=doctors) | Q(location__in=locations)
        coming = TimeOff.objects.filter(whose, ends_at__gt=at).with_names().order_by("starts_at")
        self.print_lines(f"Time off {row.pk} stays; check its times: {row}" for row in coming)

    def print_totals(self, done: list[Repaired], dry_run: bool) -> None:
        """Print what was changed in all, or would be."""
        sums = {name: sum(getattr(each, name) for each in done) for name in COUNTS}
        moved, kept = (
            sum(len(getattr(each, name)) for each in done)
            for name in ("moved_visits", "kept_visits")
        )
        self.stdout.write(
            f"{'Would change' if dry_run else 'Changed'} {sums['sessions']:,} sessions: "
            f"{moved:,} visits moved, {kept:,} kept over to be rebooked; "
            f"{sums['removed']:,} free slots removed, {sums['made']:,} made."
        )
