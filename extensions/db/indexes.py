"""Migration operations on indexes of tables with many rows."""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db.migrations import AddIndex, AlterField, RemoveIndex
from django.db.migrations.operations.base import Operation


class AddIndexWhileWriting(AddIndexConcurrently):
    """Make an index without locking the table on PostgreSQL; on SQLite as AddIndex does.

    Its migration is not atomic. An index that an interrupted migration left invalid is made again.
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Make the index."""
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(
                f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.index.name)}"
            )
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        else:
            AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Remove the index."""
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
        else:
            AddIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)


class RemoveIndexWhileWriting(RemoveIndexConcurrently):
    """Remove an index without locking the table on PostgreSQL; on SQLite as RemoveIndex does.

    Its migration is not atomic.
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Remove the index."""
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        else:
            RemoveIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Make the index again."""
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
        else:
            RemoveIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)


class AddIndexOfPackage(Operation):
    """Make an index of a table whose model belongs to another package.

    Its migration is not atomic, and depends on the one of the package that makes the table.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, table: str, columns: tuple[str, ...], name: str) -> None:
        self.table, self.columns, self.name = table, columns, name

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change no model."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Make the index, without locking the table on PostgreSQL."""
        quote, of_postgres = schema_editor.quote_name, schema_editor.connection.vendor != "sqlite"
        if of_postgres:
            self.database_backwards(app_label, schema_editor, from_state, to_state)
        columns = ", ".join(map(quote, self.columns))
        meanwhile = "CONCURRENTLY " if of_postgres else ""
        schema_editor.execute(
            f"CREATE INDEX {meanwhile}{quote(self.name)} ON {quote(self.table)} ({columns})"
        )

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Remove the index."""
        meanwhile = "CONCURRENTLY " if schema_editor.connection.vendor != "sqlite" else ""
        schema_editor.execute(
            f"DROP INDEX {meanwhile}IF EXISTS {schema_editor.quote_name(self.name)}"
        )

    def describe(self) -> str:
        """Return what the migration prints."""
        return f"Create index {self.name} of {self.table}"


class DropKeyIndexWhileWriting(AlterField):
    """Set `db_index=False` on a foreign key, whose index another one replaces.

    On PostgreSQL it drops the index without locking the table, and makes it so when reversed. On
    SQLite too it drops the index alone: AlterField would make the table again there, without the
    triggers that keep it append-only. Its migration is not atomic.
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Drop the index."""
        model, field = self._field(app_label, from_state)
        name = schema_editor._create_index_name(model._meta.db_table, [field.column], suffix="")
        sql = schema_editor._delete_index_sql(model, name, **_concurrently(schema_editor))
        schema_editor.execute(sql)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Make the index again."""
        model, field = self._field(app_label, to_state)
        how = _concurrently(schema_editor)
        schema_editor.execute(schema_editor._create_index_sql(model, fields=[field], **how))

    def _field(self, app_label: str, state: Any) -> tuple[Any, Any]:
        model = state.apps.get_model(app_label, self.model_name)
        return model, model._meta.get_field(self.name)


def _concurrently(schema_editor: Any) -> dict[str, bool]:
    """Return how PostgreSQL makes or drops an index while others write."""
    return {"concurrently": True} if schema_editor.connection.vendor == "postgresql" else {}
