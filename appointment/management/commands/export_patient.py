"""Give a patient everything that is held on them, as GET /api/patient/export/ does."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from appointment.export import Export
from patient.models import Patient

PRIVATE = 0o600


class Command(BaseCommand):
    """Write one JSON file; that it was written is noted for the patient to see."""

    help = (
        "Everything held on a patient as one JSON file; of an account's own profile with the "
        "account and its dependents."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask for the patient and, unless it is to be printed, for the file."""
        parser.add_argument("id", type=int, help="key of the patient")
        parser.add_argument("--output", help="a new file, which only its owner may read")

    def handle(self, *args: Any, output: str | None = None, **options: Any) -> None:
        """Write it; raises CommandError for no such patient, and for a file that is there."""
        patient = Patient.objects.filter(pk=options["id"]).select_related("user").first()
        if patient is None:
            raise CommandError(f"There is no patient {options['id']}.")
        if output is None:
            Export.of_patient(patient).write(self.stdout)  # type: ignore[arg-type]
            return
        try:
            descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        except OSError as error:
            raise CommandError(f"{output}: {error.strerror}") from error
        with open(descriptor, "w", encoding="utf-8") as file:
            Export.of_patient(patient).write(file)
