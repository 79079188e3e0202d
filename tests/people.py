"""People whom a migration, not a factory, provides for."""

from importlib import import_module

from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connection

MIGRATIONS = {"0002_reception_group": "make_group", "0004_reception_keeps_leave": "extend_group"}


def reception_group() -> Group:
    """The Reception group as its migrations make it.

    A test that commits ends with a flush of all tables, the migrations' rows included, so it may
    have to be made again.
    """
    for name, verb in MIGRATIONS.items():
        migration = import_module(f"appointment.migrations.{name}")
        getattr(migration, verb)(apps, connection.schema_editor())
    return Group.objects.get(name="Reception")
