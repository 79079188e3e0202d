"""Import weekly hours from a CSV file."""

from appointment.management.importing import ImportCommand


class Command(ImportCommand):
    """Import weekly hours by their external id; a second run changes nothing."""

    help = (
        "Import weekly hours from a CSV file (docs/desk.md lists its columns). Checks all "
        "rows first, and writes nothing if one is refused. A second run changes nothing."
    )
    kind = "hours"
