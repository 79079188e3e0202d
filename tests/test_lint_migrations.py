"""`make lint` finds migrations that break the code of the previous release."""

from typing import Any

import pytest
from django.db import connection, migrations, models
from django_migration_linter import MigrationLinter

from tests import lint_migrations

pytestmark = [pytest.mark.only_on("postgres"), pytest.mark.django_db]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return `found(operation)`: the linter's codes for a migration with this operation alone."""
    linter = MigrationLinter(no_cache=True, no_output=True)

    def of(operation: Any) -> set[str]:
        made = type("Migration", (migrations.Migration,), {"operations": [operation]})
        migration = made("0002_example", "accounts")
        monkeypatch.setattr(linter, "get_sql", lambda *name: sql_of(linter, migration))
        return set(lint_migrations.issues(linter, migration))

    return of


def sql_of(linter: Any, migration: Any) -> list[str]:
    state = linter.migration_loader.project_state(("accounts", "0001_initial"))
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        migration.apply(state, editor, collect_sql=True)
    return editor.collected_sql


def test_a_required_column_that_old_code_leaves_out_is_reported(found) -> None:
    column = models.CharField(max_length=9, default="new")
    assert found(migrations.AddField("user", "kind", column)) == {"NOT_NULL"}


def test_a_column_that_the_database_fills_is_accepted(found) -> None:
    column = models.CharField(max_length=9, default="new", db_default="new")
    assert found(migrations.AddField("user", "kind", column)) == set()


def test_removing_a_column_that_old_code_reads_is_reported(found) -> None:
    assert found(migrations.RemoveField("user", "last_name")) == {"DROP_COLUMN"}
    assert found(migrations.RenameField("user", "last_name", "name")) == {"RENAME_COLUMN"}
