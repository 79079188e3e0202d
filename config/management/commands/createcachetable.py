"""Create the table that counts calls; on PostgreSQL without a write-ahead log."""

from typing import Any

from django.core.management.commands import createcachetable
from django.db import connections

IS_LOGGED = "SELECT relpersistence = 'p' FROM pg_class WHERE oid = to_regclass(%s)"
# A count is updated for each call. Room in each page keeps the new row beside the old one.
UNLOGGED = "ALTER TABLE {table} SET (fillfactor = 50), SET UNLOGGED"


class Command(createcachetable.Command):
    """Django's command, whose table on PostgreSQL is UNLOGGED.

    A read counts one call, and its commit would wait until the disk, and a synchronous standby, has
    the count. After a crash of PostgreSQL the table is empty, and each limit begins again.
    """

    help = "Creates the table that counts calls (CACHES), without a write-ahead log."

    def create_table(self, database: str, tablename: str, dry_run: bool) -> None:
        """Create the table if it is absent, and take an older one out of the write-ahead log."""
        super().create_table(database, tablename, dry_run)
        connection: Any = connections[database]
        if dry_run or connection.vendor != "postgresql":
            return
        table = connection.ops.quote_name(tablename)
        with connection.cursor() as cursor:
            cursor.execute(IS_LOGGED, [table])
            if cursor.fetchone() == (True,):
                cursor.execute(UNLOGGED.format(table=table))
