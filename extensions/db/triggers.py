"""Append-only tables: triggers refuse every UPDATE and DELETE."""

from typing import Any

from django.db.migrations.operations.base import Operation

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


class AppendOnly(Operation):
    """Make the database refuse every UPDATE and DELETE of a model's table with IntegrityError.

    On SQLite a later change of columns creates the table again without its triggers, so the
    migration that changes one must end with this operation. PostgreSQL's TRUNCATE is not refused:
    the privilege TRUNCATE controls it.
    """

    reduces_to_sql = True
    reversible = True

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
                sql = statement.format(table=model._meta.db_table)
                schema_editor.execute(sql, params=None)
