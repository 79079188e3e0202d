"""The triggers that note which day that is over has changed (`appointment.models.day_totals`).

They do nothing for a day to come: a booking pays a comparison of two dates. SQLite makes a table
anew, without its triggers, to change a column of it: a migration that does so to a table of TABLES
ends with `install`, as `appointment/tests/test_day_totals.py` checks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps as installed_apps
from django.db import connection

TABLES = ("appointment_appointment", "doctor_slot", "doctor_schedule")
OF_VISIT = ("status", "date", "doctor_id", "location_id", "starts_at", "created_at")
OF_SLOT = ("schedule_id", "doctor_id", "location_id", "capacity", "taken", "is_open")


def install(apps: Any, schema_editor: Any) -> None:
    """Make the triggers; replaces those that are there. A migration's RunPython calls it."""
    remove(apps, schema_editor)
    make = _of_postgresql if schema_editor.connection.vendor == "postgresql" else _of_sqlite
    for sql in make():
        schema_editor.execute(sql, params=None)


def remove(apps: Any, schema_editor: Any) -> None:
    """Remove the triggers."""
    postgres = schema_editor.connection.vendor == "postgresql"
    for table in TABLES:
        for event in ("insert", "update", "delete"):
            on = f" ON {table}" if postgres else ""
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_day_{event}{on}", params=None)
    if postgres:
        for name in ("visit", "slot", "session"):
            schema_editor.execute(f"DROP FUNCTION IF EXISTS appointment_note_{name}()", params=None)
        schema_editor.execute("DROP FUNCTION IF EXISTS appointment_note_day(date)", params=None)


@contextmanager
def removed() -> Iterator[None]:
    """Remove the triggers and make them again, in the transaction that the caller has opened.

    For a load of days that are not summed yet. A rollback brings the triggers back.
    """
    editor = connection.schema_editor()
    remove(installed_apps, editor)
    yield
    install(installed_apps, editor)


def _changed(columns: tuple[str, ...], unequal: str) -> str:
    return " OR ".join(f"OLD.{name} {unequal} NEW.{name}" for name in columns)


# --- PostgreSQL -----------------------------------------------------------------------------------

NOTE_DAY = """CREATE FUNCTION appointment_note_day(day date) RETURNS void LANGUAGE sql AS $$
    INSERT INTO appointment_staleday (date, change) SELECT day, txid_current()
    WHERE day < (now() AT TIME ZONE 'UTC')::date ON CONFLICT DO NOTHING $$"""
NOTE = """CREATE FUNCTION appointment_note_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'INSERT' THEN PERFORM appointment_note_day({old}); END IF;
        IF TG_OP <> 'DELETE' THEN PERFORM appointment_note_day({new}); END IF;
        RETURN NULL;
    END $$"""
TRIGGER = """CREATE TRIGGER {table}_day_{event} AFTER {event}{of} ON {table}
    FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION appointment_note_{name}()"""
TODAY = "(now() AT TIME ZONE 'UTC')::date"
# The slots of a day that is summed have begun in every time zone.
SLOT_OVER = "now()"


def _of_postgresql() -> list[str]:
    day = "(SELECT date FROM doctor_schedule WHERE id = {row}.schedule_id)"
    old, new = day.format(row="OLD"), day.format(row="NEW")
    made = [
        NOTE_DAY,
        NOTE.format(name="visit", old="OLD.date", new="NEW.date"),
        NOTE.format(name="slot", old=old, new=new),
        NOTE.format(name="session", old="OLD.date", new="NEW.date"),
    ]
    made += _triggers("appointment_appointment", "visit", OF_VISIT, f"{{row}}.date < {TODAY}")
    made += _triggers("doctor_slot", "slot", OF_SLOT, f"{{row}}.starts_at < {SLOT_OVER}")
    sessions = _triggers("doctor_schedule", "session", ("date",), f"{{row}}.date < {TODAY}")
    return [*made, *(sql for sql in sessions if "_day_update" in sql)]


def _triggers(table: str, name: str, columns: tuple[str, ...], over: str) -> list[str]:
    old, new = over.format(row="OLD"), over.format(row="NEW")
    changed = f"({old} OR {new}) AND ({_changed(columns, 'IS DISTINCT FROM')})"
    events = {
        "insert": ("", new),
        "update": (f" OF {', '.join(columns)}", changed),
        "delete": ("", old),
    }
    return [
        TRIGGER.format(table=table, name=name, event=event, of=of, when=when)
        for event, (of, when) in events.items()
    ]


# --- SQLite ---------------------------------------------------------------------------------------

SQLITE_TRIGGER = """CREATE TRIGGER {table}_day_{event} AFTER {event}{of} ON {table}
    WHEN {when} BEGIN {notes} END"""
SQLITE_NOTE = """INSERT OR IGNORE INTO appointment_staleday (date, change)
    SELECT day, 0 FROM (SELECT {day} AS day) WHERE day < date('now');"""
# Instants are texts such as 2026-12-01 09:00:00.
SQLITE_SLOT_OVER = "datetime('now')"


def _of_sqlite() -> list[str]:
    day = "(SELECT date FROM doctor_schedule WHERE id = {row}.schedule_id)"
    made = _sqlite_triggers(
        "appointment_appointment", OF_VISIT, "{row}.date", "{row}.date < date('now')"
    )
    made += _sqlite_triggers("doctor_slot", OF_SLOT, day, f"{{row}}.starts_at < {SQLITE_SLOT_OVER}")
    sessions = _sqlite_triggers(
        "doctor_schedule", ("date",), "{row}.date", "{row}.date < date('now')"
    )
    return [*made, *(sql for sql in sessions if "_day_update" in sql)]


def _sqlite_triggers(table: str, columns: tuple[str, ...], day: str, over: str) -> list[str]:
    old, new = over.format(row="OLD"), over.format(row="NEW")
    note_old = SQLITE_NOTE.format(day=day.format(row="OLD"))
    note_new = SQLITE_NOTE.format(day=day.format(row="NEW"))
    changed = f"({old} OR {new}) AND ({_changed(columns, 'IS NOT')})"
    events = {
        "insert": ("", new, note_new),
        "update": (f" OF {', '.join(columns)}", changed, note_old + note_new),
        "delete": ("", old, note_old),
    }
    return [
        SQLITE_TRIGGER.format(table=table, event=event, of=of, when=when, notes=notes)
        for event, (of, when, notes) in events.items()
    ]
