#!/usr/bin/env python
"""Django's command line for this project; a fresh clone needs no environment variable."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from config import environment


def main() -> None:
    """Run the management command named on the command line."""
    environment.restrict_new_files()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
