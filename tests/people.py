"""People whom a migration, not a factory, provides for."""

from importlib import import_module

from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connection


def reception_group() -> Group:
    """The Reception group as its migration makes it.

    A test that commits ends with a flush of all tables, the migration's rows included, so it may
    have to be made again.
    """
    migration = import_module("appointment.migrations.0002_reception_group")
    migration.make_group(apps, connection.schema_editor())
    return Group.objects.get(name="Reception")
