"""Back up the live database; docs/operations.md says how to restore it."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import backup


class Command(BaseCommand):
    """Exit 0 when the file is there, whole and verified; else say why and exit 1."""

    help = (
        "Copy the database into a new file, while it is in use: a SQLite database, or a dump in "
        "pg_dump's custom format. The copy is verified; an existing file is not overwritten."
    )
    requires_system_checks = ()  # they load the URL table, of which nothing is needed here

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name of the file to make."""
        parser.add_argument("file", type=Path, help="the file to make")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Back up; raises CommandError, which exits 1, where there is no backup."""
        began = time.monotonic()
        try:
            size = backup.make(file)
        except backup.Failed as reason:
            raise CommandError(f"No backup: {reason}.") from reason
        took = time.monotonic() - began
        self.stdout.write(f"Backed up to {file}: {size:,} bytes, verified, in {took:.1f} s.")
