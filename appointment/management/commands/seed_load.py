"""Fill an empty database with years of visits, to measure under load."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from appointment.load.directory import DOMAIN, PASSWORD
from appointment.load.load import Size, load, obstacle

VISITS_PER_DOCTOR = 25_000  # ten years of one
VISITS_PER_PATIENT = 10


class Command(BaseCommand):
    """Load visits, and the doctors, patients, sessions and slots that they need."""

    help = (
        "Fill an empty database with invented visits of about ten years, to measure under load. "
        "One transaction: an interrupted load leaves the database empty. Refused in production."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options of the size."""
        parser.add_argument(
            "--appointments", type=_positive, required=True, help="number of visits"
        )
        parser.add_argument(
            "--doctors", type=_positive, help=f"default: one for {VISITS_PER_DOCTOR:,} visits"
        )
        parser.add_argument(
            "--patients", type=_positive, help=f"default: one for {VISITS_PER_PATIENT} visits"
        )
        parser.add_argument("--audit-events", type=int, default=0, help="default: 0")
        parser.add_argument("--seed", type=int, default=0, help="the same one makes the same rows")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load once; print the logins."""
        if settings.ENVIRONMENT == "production":
            raise CommandError("Invented visits are never loaded with ENVIRONMENT=production.")
        visits = options["appointments"]
        doctors = options["doctors"] or max(4, visits // VISITS_PER_DOCTOR)
        least = Size.least_patients(doctors)
        patients = options["patients"] or max(least, visits // VISITS_PER_PATIENT)
        if patients < least:
            raise CommandError(f"{doctors} doctors need at least {least} patients.")
        if found := obstacle():
            raise CommandError(f"{found} Load into a database that is migrated and empty.")
        size = Size(visits, doctors, patients, max(0, options["audit_events"]))
        try:
            load(size, timezone.now(), options["seed"], self.stdout)
        except ValidationError as error:
            raise CommandError(error.messages[0]) from error
        except KeyboardInterrupt:
            raise CommandError("Interrupted: nothing was loaded.") from None
        self.stdout.write(
            f"Sign in as admin, reception1, doctor1 or patient1 @{DOMAIN}, password {PASSWORD}"
        )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("a number from 1 on")
    return int(text)
