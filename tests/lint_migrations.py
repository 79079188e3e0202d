"""A linter of every migration's SQL: the previous release's code must work on the new tables.

`python -m tests.lint_migrations` starts both databases and runs django-migration-linter on each of
the project's migrations there. Its warnings count as errors. The two tables in this module list the
accepted complaints with their reasons. A reason that is no longer needed fails too.
"""

# ruff: noqa: PLC0415  (it chooses the database before Django and the linter load)

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
APPS = ("accounts", "doctor", "patient", "appointment")
Migration = tuple[str, str]

BEFORE_SERVICE = "Written before there was a release: no old code ran while it was applied."
WEEK_OF_MAIL = "The table holds the mails of a week: its indexes are made and dropped in a moment."
UNKNOWN_TABLE = "No release before has the table: no old code reads or writes it."
NO_ROW_YET = "A partial index of a new column: it has no row, and reads the waitlist in moments."
NO_EXTERNAL_ID_YET = "A partial index of a new column: no row is in it, and old code writes none."
NEW_TABLE = "The constraint is of a table that the same migration makes."

# By kind of database: complaints, by code, that its analyser cannot judge, with the reason.
OF_DATABASE = {
    "sqlite": {
        "NOT_NULL": "SQLite changes a table by making it anew, with all its columns. What is new "
        "shows on PostgreSQL, where the same migration is linted.",
        "ADD_UNIQUE": "Its indexes are made anew with it; the same.",
    },
    "postgres": {},
}
# By migration: complaints, by code, that are accepted on PostgreSQL, with the reason.
OF_MIGRATION: dict[Migration, dict[str, str]] = {
    ("accounts", "0010_mail_queue"): {
        "ADD_UNIQUE": "Old code leaves a column of it empty, and empty values are never equal.",
        "CREATE_INDEX": WEEK_OF_MAIL,
        "CREATE_INDEX_EXCLUSIVE": WEEK_OF_MAIL,
        "DROP_INDEX": WEEK_OF_MAIL,
    },
    ("accounts", "0012_notices"): {
        "ALTER_COLUMN": "A longer varchar: no row is rewritten, and old code fits into it.",
        "CREATE_INDEX": WEEK_OF_MAIL,
        "CREATE_INDEX_EXCLUSIVE": WEEK_OF_MAIL,
    },
    ("accounts", "0022_messages_by_due_time"): {
        "ADD_UNIQUE": "Old code leaves its columns empty, and such rows are left out.",
        "CREATE_INDEX": WEEK_OF_MAIL,
    },
    ("appointment", "0003_lifecycle_waitlist_idempotency"): {
        "ALTER_COLUMN": "A longer varchar: no row is rewritten, and old code fits into it.",
        "NOT_NULL": BEFORE_SERVICE,
        "CREATE_INDEX": BEFORE_SERVICE,
        "CREATE_INDEX_EXCLUSIVE": BEFORE_SERVICE,
    },
    ("appointment", "0006_long_locations"): {
        "ALTER_COLUMN": "From varchar to text: no row is written anew, and old code fits into it.",
    },
    ("appointment", "0011_one_open_offer_per_account"): {
        "ADD_UNIQUE": "Old code leaves the column empty, and empty ones are not compared.",
        "CREATE_INDEX": "It reads a table with a row for each offer: done in moments.",
    },
    ("appointment", "0015_declined_times"): {
        "NOT_NULL": UNKNOWN_TABLE,
        "DROP_COLUMN": UNKNOWN_TABLE,
        "ADD_UNIQUE": UNKNOWN_TABLE,
        "CREATE_INDEX": UNKNOWN_TABLE,
        "CREATE_INDEX_EXCLUSIVE": UNKNOWN_TABLE,
    },
    ("appointment", "0017_event_zone_changed"): {
        "ALTER_COLUMN": "A longer varchar: no row is rewritten, and old code fits into it.",
    },
    ("appointment", "0022_replaced_visit"): {
        "CREATE_INDEX": NO_ROW_YET,
        "CREATE_INDEX_EXCLUSIVE": NO_ROW_YET,
    },
    ("doctor", "0002_weekly_hours_time_off_rules"): {
        "NOT_NULL": BEFORE_SERVICE,
        "ADD_UNIQUE": NEW_TABLE,
        "CREATE_INDEX": BEFORE_SERVICE,
        "CREATE_INDEX_EXCLUSIVE": BEFORE_SERVICE,
    },
    ("doctor", "0012_external_ids"): {
        "ADD_UNIQUE": NO_EXTERNAL_ID_YET,
        "CREATE_INDEX": NO_EXTERNAL_ID_YET,
        "CREATE_INDEX_EXCLUSIVE": NO_EXTERNAL_ID_YET,
    },
    ("patient", "0012_external_ids"): {
        "ADD_UNIQUE": NO_EXTERNAL_ID_YET,
        "CREATE_INDEX": NO_EXTERNAL_ID_YET,
        "CREATE_INDEX_EXCLUSIVE": NO_EXTERNAL_ID_YET,
    },
    ("patient", "0002_dependents"): {
        "NOT_NULL": BEFORE_SERVICE,
        "ADD_UNIQUE": "Old code keeps to one profile a user, which was unique before it.",
        "CREATE_INDEX": BEFORE_SERVICE,
        "CREATE_INDEX_EXCLUSIVE": BEFORE_SERVICE,
    },
}


def complaints(kind: str) -> Iterator[str]:
    """Yield each complaint not accepted, and on PostgreSQL each acceptance that is not needed."""
    from django_migration_linter import MigrationLinter

    linter = MigrationLinter(no_cache=True, all_warnings_as_errors=True, no_output=True)
    by_name = dict(linter.migration_loader.disk_migrations)
    mine = sorted(name for name in by_name if name[0] in APPS)
    for name in mine:
        found = issues(linter, by_name[name])
        excused = excuses(kind, name)
        yield from (f"{kind} {name}: {found[code]}" for code in found.keys() - excused.keys())
        if kind == "postgres":
            yield from (
                f"{name} needs no excuse of {code}" for code in excused.keys() - found.keys()
            )
    sys.stdout.write(f"{len(mine)} migrations linted on {kind}\n")


def excuses(kind: str, name: Migration) -> dict[str, str]:
    """Map each code of complaint that is accepted of this migration to the reason."""
    return OF_DATABASE[kind] | (OF_MIGRATION.get(name, {}) if kind == "postgres" else {})


def issues(linter: Any, migration: Any) -> dict[str, str]:
    """Map the code of each complaint about a migration to the linter's message."""
    from django_migration_linter.sql_analyser.analyser import analyse_sql_statements

    sql = linter.get_sql(migration.app_label, migration.name)
    errors, _, warnings = analyse_sql_statements(linter.sql_analyser_class, sql)
    of_data, _, data_warnings = linter.analyse_data_migration(migration)
    found = [*errors, *warnings, *of_data, *data_warnings]
    return {issue.code: f"{issue.code}, {issue.message}" for issue in found}


def lint(kind: str) -> list[str]:
    """Set Django up for a database of this kind, lint, and return the complaints."""
    from tests import database, scratch

    folder = scratch.Folder("clinic-lint-")
    server = database.choose(kind, folder.path)
    try:
        os.environ.update(database.ENVIRONMENT, DATABASE_URL=server.url())
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        import django

        django.setup()
        logging.disable(logging.INFO)  # the linter logs each migration that it reads
        return list(complaints(kind))
    finally:
        server.stop()
        folder.close()


def main(*kinds: str) -> int:
    """Lint on the one kind of database that is named, or else on each in a process of its own.

    Return the number of kinds with complaints.
    """
    if len(kinds) != 1:
        commands = [[sys.executable, "-m", "tests.lint_migrations", kind] for kind in OF_DATABASE]
        return sum(subprocess.run(each, cwd=ROOT, check=False).returncode for each in commands)
    found = lint(*kinds)
    sys.stdout.writelines(f"{line}\n" for line in found)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
