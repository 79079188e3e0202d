"""Export all data on a patient, as GET /api/patient/export/ does."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from appointment.export import Export
from patient.models import MergedPatient, Patient

OWNER_ONLY = 0o600


class Command(BaseCommand):
    """Write one JSON file, and record it in the patient's access log."""

    help = (
        "Write all data on a patient as one JSON file. For an account's own profile, the file also "
        "has the account and its dependents."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the patient, and the path of a file to write instead of standard output."""
        parser.add_argument("id", type=int, help="key of the patient")
        parser.add_argument("--output", help="path of a new file, which only its owner can read")

    def handle(self, *args: Any, output: str | None = None, **options: Any) -> None:
        """Write the file; raises CommandError for an unknown patient or an existing file."""
        key = MergedPatient.objects.kept_key(options["id"]) or options["id"]
        patient = Patient.objects.filter(pk=key).select_related("user").first()
        if patient is None:
            raise CommandError(f"There is no patient {options['id']}.")
        if output is None:
            self.print(Export.for_patient(patient))
            return
        try:
            descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        except OSError as error:
            raise CommandError(f"{output}: {error.strerror}") from error
        with open(descriptor, "w", encoding="utf-8") as file:
            Export.for_patient(patient).write(file)

    def print(self, export: Export) -> None:
        """Write the export to standard output.

        Exits 1 without a message if the reader closes the pipe, as `head` does.
        """
        try:
            export.write(self.stdout)  # type: ignore[arg-type]
            self.stdout.flush()
        except BrokenPipeError:
            # Python flushes once more when it exits: see "Note on SIGPIPE" in the docs of `signal`.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
