"""The base of the commands that import a file."""

import sys
from pathlib import Path
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from appointment.imports import KINDS
from extensions.imports import CHANGED, MOST_LISTED, NEW, REFUSED, UNCHANGED, Outcome, Report


class ImportCommand(BaseCommand):
    """Import a CSV file; exit 1 if the file or a row of it is refused."""

    kind: ClassVar[str]
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file and the options."""
        parser.add_argument("file", help="path of a CSV file in UTF-8; - reads standard input")
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")
        parser.add_argument(
            "--good-rows-only",
            action="store_true",
            help="write the good rows although others are refused; without it nothing is written",
        )

    def handle(self, *args: Any, file: str, dry_run: bool, **options: Any) -> None:
        """Import the file; raises CommandError, which exits 1, if anything is refused."""
        adds_doubted = options.get("add_possible_duplicates", False)
        try:
            reader = KINDS[self.kind].reader(_read(file), adds_doubted=adds_doubted)
            report = reader.check() if dry_run else reader.run(options["good_rows_only"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        for outcome in report.listed:
            self._print(outcome)
        self.stdout.write(self._summary(report))
        if report.refused:
            written = "The good rows are written." if report.is_written else "Nothing is written."
            if report.stopped:
                written = "The rows before them are written: run the command again."
            rows = "row is" if report.refused == 1 else "rows are"
            raise CommandError(f"{report.refused:,} {rows} refused. {written}")
        if dry_run:
            self.stdout.write("Dry run: nothing is written.")

    def _print(self, outcome: Outcome) -> None:
        """Print one row: without its values, which a log should not have, unless it is refused."""
        if outcome.kind == REFUSED or any(note.is_doubt for note in outcome.notes):
            for note in outcome.notes:
                column = f", {note.column}" if note.column else ""
                self.stdout.write(f"Line {outcome.line}{column}: {outcome.kind}. {note.text}")
        else:
            columns = ", ".join(note.column for note in outcome.notes if note.column)
            shown = f" ({columns})" if columns else ""
            self.stdout.write(f"Line {outcome.line}: {outcome.kind}{shown}.")

    def _summary(self, report: Report) -> str:
        most = max(report.counts[kind] for kind in (NEW, CHANGED, REFUSED))
        listed = f" The first {MOST_LISTED} of each kind are listed." if most > MOST_LISTED else ""
        counted = ", ".join(
            f"{report.counts[kind]:,} {kind}" for kind in (NEW, CHANGED, UNCHANGED, REFUSED)
        )
        return f"{KINDS[self.kind].words.capitalize()}: {counted}.{listed}"


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
