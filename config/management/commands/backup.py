"""Back up the live database; docs/operations.md says how to restore it."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import backup


class Command(BaseCommand):
    """Exit 0 if the file is complete and verified; else print the reason and exit 1."""

    help = (
        "Copy the database into a new file, while it is in use: a SQLite database, or a dump in "
        "pg_dump's custom format. The copy is verified; an existing file is not overwritten."
    )
    requires_system_checks = ()  # they load the URL table, which this command does not need

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name of the file to create."""
        parser.add_argument("file", type=Path, help="the file to make")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Back up; raises CommandError if there is no backup."""
        began = time.monotonic()
        try:
            size = backup.make(file)
        except backup.BackupFailed as reason:
            raise CommandError(f"No backup: {reason}.") from reason
        took = time.monotonic() - began
        self.stdout.write(f"Backed up to {file}: {size:,} bytes, verified, in {took:.1f} s.")
