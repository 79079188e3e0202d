"""Compute the keys and words of names that the previous release has written."""

from argparse import ArgumentParser
from typing import Any, cast

from django.core.management.base import BaseCommand

from appointment.invariants import FOLDED_CHECKS, windows
from extensions.db.batches import ROWS_PER_QUERY, key_batches
from extensions.db.names import FoldedModel
from patient.models import PatientWord


class Command(BaseCommand):
    """Mend the rows that check_invariants names for I7; a second run finds none."""

    help = (
        "Compute the keys and words by which doctors and patients are sorted and found, where they "
        "are not those of their names (I7). Run it after the release that brought them, and after "
        "a change of names by SQL. Safe on a live database, and at any time again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option that changes nothing."""
        parser.add_argument("--dry-run", action="store_true", help="only count the rows")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        """Mend the rows in batches, each in a transaction of its own, and print how many."""
        for check in FOLDED_CHECKS:
            model, count = cast(type[FoldedModel], check.model), 0
            for window in windows(check.model, ROWS_PER_QUERY):
                wrong = check.wrong(window)
                count += len(wrong)
                if not dry_run:
                    model.fold_again(sorted(wrong))
            self.report(count, str(model._meta.verbose_name_plural), dry_run)
        orphans = 0
        for keys in key_batches(PatientWord.objects.orphans()):
            orphans += len(keys)
            if not dry_run:
                PatientWord.objects.filter(pk__in=keys).delete()
        self.report(orphans, "words of deleted patients", dry_run)

    def report(self, count: int, rows: str, dry_run: bool) -> None:
        """Print how many rows were wrong."""
        self.stdout.write(f"{count:,} {rows} {'to mend' if dry_run else 'mended'}.")
