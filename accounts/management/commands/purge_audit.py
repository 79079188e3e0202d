"""Delete old events of the audit trail, where the law sets a limit to how long they are kept."""

import time
from argparse import ArgumentTypeError
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import AuditEvent


def past_day(text: str) -> datetime:
    """Parse a past date as its first instant in UTC; raises ArgumentTypeError for anything else."""
    try:
        day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError as error:
        raise ArgumentTypeError("use a date such as 2020-12-31") from error
    if day > timezone.now():
        raise ArgumentTypeError("use a date in the past")
    return day


class Command(BaseCommand):
    """Delete in small transactions, with a pause after each, so that no request waits long."""

    help = (
        "Delete the events of the audit trail that are older than a date (UTC). Run it as the "
        "owner of the tables, while the clinic works: no patient waits. It records itself."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the date."""
        parser.add_argument(
            "--before", type=past_day, required=True, help="date (UTC) of the oldest event kept"
        )

    def handle(self, *args: Any, before: datetime, **options: Any) -> None:
        """Delete and print how many; raises CommandError for a user who does not own the table."""
        total, began = 0, time.monotonic()
        try:
            for deleted in AuditEvent.objects.purge(before):
                total += deleted
                # Pause as long as the transaction took: SQLite has only one writer at a time.
                time.sleep(time.monotonic() - began)
                began = time.monotonic()
        except IntegrityError as error:
            raise CommandError(
                f"Only the owner of the table may purge it; {total} events were deleted."
            ) from error
        self.stdout.write(f"{total} events deleted, all from before {before:%Y-%m-%d} (UTC).")
