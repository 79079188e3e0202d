"""Append-only tables: triggers refuse every UPDATE and DELETE, but for a purge of old rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connections, router, transaction
from django.db.migrations.operations.base import Operation
from django.db.models import Model

POSTGRES = (
    """CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{table} is append only' USING ERRCODE = 'restrict_violation';
    END $$""",
    """CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()""",
)
# INSERT OR REPLACE deletes the old row without a DELETE trigger: hence the third trigger.
SQLITE = (
    """CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} is append only'); END""",
    """CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} is append only'); END""",
    """CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}
    WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, '{table} is append only'); END""",
)
FORWARDS = {"postgresql": POSTGRES, "sqlite": SQLITE}
BACKWARDS = {
    "postgresql": (
        "DROP TRIGGER {table}_append_only ON {table}",
        "DROP FUNCTION {table}_refuse()",
    ),
    "sqlite": tuple(
        f"DROP TRIGGER {{table}}_{name}" for name in ("no_update", "no_delete", "no_replace")
    ),
}


# The setting holds for one transaction. The second condition keeps a role that does not own the
# table, as the application's should be, from deleting a row by setting it.
PURGE_FORWARDS = (
    """CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        purged_before text := current_setting('{table}.purged_before', true);
    BEGIN
        IF TG_OP = 'DELETE' AND purged_before <> '' AND pg_has_role(
            current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE'
        ) THEN
            IF TG_LEVEL = 'STATEMENT' THEN
                RETURN NULL;
            ELSIF OLD.{column} < purged_before::timestamptz THEN
                RETURN OLD;
            END IF;
        END IF;
        RAISE EXCEPTION '{table} is append only' USING ERRCODE = 'restrict_violation';
    END $$""",
    """CREATE TRIGGER {table}_purge BEFORE DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {table}_refuse()""",
)
PURGE_BACKWARDS = (
    "DROP TRIGGER {table}_purge ON {table}",
    POSTGRES[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
)


class AppendOnly(Operation):
    """Make the database refuse every UPDATE and DELETE of a model's table with IntegrityError.

    On SQLite a later change of columns creates the table again without its triggers, so the
    migration that changes one must end with this operation. PostgreSQL's TRUNCATE is not refused:
    the privilege TRUNCATE controls it.
    """

    reduces_to_sql = True
    reversible = True
    words: dict[str, str] = {}

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing: a trigger is no part of the models that a migration describes."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._run(FORWARDS, app_label, schema_editor, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._run(BACKWARDS, app_label, schema_editor, from_state)

    def describe(self) -> str:
        return f"Make {self.model_name} append only"

    def _run(self, statements: Any, app_label: str, schema_editor: Any, state: Any) -> None:
        model = state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            for statement in statements[schema_editor.connection.vendor]:
                sql = statement.format(table=model._meta.db_table, **self.words)
                schema_editor.execute(sql, params=None)


class AllowPurge(AppendOnly):
    """Let `purging` delete rows of an append-only table that are older than an instant.

    `column`: the instant (UTC) of a row. SQLite needs no change: `purging` drops its trigger.
    """

    def __init__(self, model_name: str, column: str) -> None:
        super().__init__(model_name)
        self.column = column
        self.words = {"column": column}

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._run({"postgresql": PURGE_FORWARDS, "sqlite": ()}, app_label, schema_editor, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        statements = {"postgresql": PURGE_BACKWARDS, "sqlite": ()}
        self._run(statements, app_label, schema_editor, from_state)

    def describe(self) -> str:
        return f"Let old rows of {self.model_name} be purged"


@contextmanager
def purging(model: type[Model], before: datetime) -> Iterator[None]:
    """Let the block, which is one transaction, delete rows of an append-only model.

    On PostgreSQL only rows older than `before`, and only where the user owns the table; no lock is
    taken that an INSERT waits for. On SQLite, which has one writer anyway, the block is alone.
    """
    table = model._meta.db_table
    connection = connections[router.db_for_write(model)]
    no_delete = SQLITE[1].format(table=table)
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            setting = f"{table}.purged_before"
            cursor.execute("SELECT set_config(%s, %s, true)", [setting, before.isoformat()])
            yield
            cursor.execute("SELECT set_config(%s, '', true)", [setting])
        else:
            cursor.execute(f"DROP TRIGGER {table}_no_delete")
            yield
            cursor.execute(no_delete)
