#!/usr/bin/env python
"""Django's command line for this project; needs no variable in a fresh clone."""

import os
import sys


def main() -> None:
    """Run the management command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import (  # noqa: PLC0415  (Django's own manage.py imports it here)
        ImproperlyConfigured,
    )
    from django.core.management import (  # noqa: PLC0415  (it reads DJANGO_SETTINGS_MODULE)
        execute_from_command_line,
    )

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
