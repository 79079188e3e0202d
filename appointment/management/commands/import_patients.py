"""Import patients from a CSV file."""

from django.core.management.base import CommandParser

from appointment.management.importing import ImportCommand


class Command(ImportCommand):
    """Import patients by their external id; a second run changes nothing."""

    help = (
        "Import patients from a CSV file (docs/desk.md lists its columns). Checks all "
        "rows first, and writes nothing if one is refused. A second run changes nothing."
    )
    kind = "patients"

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the option for people who may be there already."""
        super().add_arguments(parser)
        parser.add_argument(
            "--add-possible-duplicates",
            action="store_true",
            help="add new patients who share name and birth date, or phone, with another one; "
            "without it these rows are refused",
        )
