"""Constraints that one migration declares for PostgreSQL and SQLite, and their errors."""

from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections
from django.db.models import BigIntegerField, DateTimeField, F, Func, Model, Value


class KeyRange(Func):
    """A key as a range of one value, which GiST can compare without the extension btree_gist."""

    function = "int8range"
    output_field = BigIntegerField()

    def __init__(self, key: str, **extra: Any) -> None:
        self.names = (key,)
        super().__init__(F(key), F(key), Value("[]"), **extra)

    def deconstruct(self) -> tuple[str, tuple[str, ...], dict[str, Any]]:
        return "extensions.db.constraints.KeyRange", self.names, {}


class TimeRange(Func):
    """The half-open range from `start` to `end`: ranges that touch do not overlap."""

    function = "tstzrange"
    output_field = DateTimeField()

    def __init__(self, start: str, end: str, **extra: Any) -> None:
        self.names = (start, end)
        super().__init__(F(start), F(end), **extra)

    def deconstruct(self) -> tuple[str, tuple[str, ...], dict[str, Any]]:
        return "extensions.db.constraints.TimeRange", self.names, {}


class PostgresExclusionConstraint(ExclusionConstraint):
    """An exclusion constraint on PostgreSQL; SQLite has none, and gets none.

    On SQLite the method that writes the row checks the same rule in its IMMEDIATE transaction.
    """

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        return self._on_postgres(schema_editor) and super().constraint_sql(model, schema_editor)

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        return self._on_postgres(schema_editor) and super().create_sql(model, schema_editor)

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        return self._on_postgres(schema_editor) and super().remove_sql(model, schema_editor)

    def validate(
        self,
        model: type[Model],
        instance: Model,
        exclude: Any = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        if connections[using].vendor == "postgresql":
            super().validate(model, instance, exclude=exclude, using=using)

    @staticmethod
    def _on_postgres(schema_editor: Any) -> bool | None:
        return schema_editor.connection.vendor == "postgresql" or None  # None: no statement


def violates(error: IntegrityError, constraint: str) -> bool:
    """Whether the named constraint refused the row.

    PostgreSQL's error names the constraint. SQLite's names a check or a unique index over an
    expression, but only the columns of any other unique constraint: the result is then False, and
    the caller must have checked the rule in its IMMEDIATE transaction.
    """
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) == constraint or constraint in str(error)
