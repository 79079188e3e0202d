"""Helpers of tests that start processes on the test database."""

import os

from django.db import connection


def environ_of_this_database() -> dict[str, str]:
    """Return the environment variables of a child process that uses the current test's database."""
    name = connection.settings_dict["NAME"]
    url = os.environ["DATABASE_URL"]
    if connection.vendor == "sqlite":
        url = f"sqlite:///{name}"
    else:
        head, _, query = url.partition("?")
        url = f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")
    return {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
