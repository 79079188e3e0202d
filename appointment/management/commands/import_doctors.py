"""Import doctors from a CSV file."""

from appointment.management.importing import ImportCommand


class Command(ImportCommand):
    """Import doctors by their external id; a second run changes nothing."""

    help = (
        "Import doctors from a CSV file (docs/desk.md lists its columns). Checks all "
        "rows first, and writes nothing if one is refused. A second run changes nothing."
    )
    kind = "doctors"
