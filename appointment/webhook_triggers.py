"""The triggers that queue the messages of webhooks, in the transaction of the event.

So every committed event has its messages, and an event that is rolled back has none. The verbs run
no further statement. Without webhooks the trigger reads an empty table.

To change a column, SQLite copies the table and drops the triggers. A migration that changes a
table of TABLES ends with `install`; `appointment/tests/test_webhook_events.py` checks this.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps as installed_apps
from django.db import connection

TABLES = ("appointment_appointmentevent", "appointment_offer")
TYPES = {  # of the message, by the kind of event; the other kinds send no message
    "booked": "appointment.booked",
    "rescheduled": "appointment.moved",
    "zone_changed": "appointment.moved",
    "canceled": "appointment.canceled",
    "checked_in": "appointment.checked_in",
    "completed": "appointment.completed",
    "no_show": "appointment.no_show",
    "undone": "appointment.undone",
}
OFFERED = "waitlist.offered"

# The verbs change a visit before they insert its event, so its row has the state of the event.
OF_EVENT = """INSERT INTO appointment_webhookdelivery (webhook_id, event_type, message_id,
        occurred_at, created_at, due_at, expires_at, attempts, event, visit, slot, doctor,
        location, patient, status)
    SELECT hook.id, told.type, {uuid}, NEW.at, NEW.at, NEW.at, {expires}, 0, NEW.id,
        visit.id, visit.slot_id, visit.doctor_id, visit.location_id, visit.patient_id, NEW.to_status
    FROM (SELECT CASE NEW.kind {cases} END AS type) told
    JOIN appointment_webhook hook ON {subscribed}
    JOIN appointment_appointment visit ON visit.id = NEW.appointment_id
    ORDER BY hook.id;"""
OF_OFFER = """INSERT INTO appointment_webhookdelivery (webhook_id, event_type, message_id,
        occurred_at, created_at, due_at, expires_at, attempts, offer, entry, slot, doctor,
        location, patient, status)
    SELECT hook.id, told.type, {uuid}, NEW.created_at, NEW.created_at, NEW.created_at, {expires},
        0, NEW.id, entry.id, slot.id, slot.doctor_id, slot.location_id, entry.patient_id, NEW.status
    FROM (SELECT '{offered}' AS type) told
    JOIN appointment_webhook hook ON {subscribed}
    JOIN appointment_waitlistentry entry ON entry.id = NEW.entry_id
    JOIN doctor_slot slot ON slot.id = NEW.slot_id
    ORDER BY hook.id;"""
SUBSCRIBED = "hook.is_active AND {find}(' ' || hook.events || ' ', ' ' || told.type || ' ') > 0"
POSTGRES = {"uuid": "gen_random_uuid()", "subscribed": SUBSCRIBED.format(find="strpos")}
SQLITE = {"uuid": "lower(hex(randomblob(16)))", "subscribed": SUBSCRIBED.format(find="instr")}
# EXPIRES_AFTER as SQL: to change it takes a migration that calls `install`.
EXPIRES = {"postgresql": "{} + interval '26 hours'", "sqlite": "datetime({}, '+26 hours')"}
POSTGRES_FUNCTION = """CREATE FUNCTION {table}_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN {insert} RETURN NULL; END $$"""
POSTGRES_TRIGGER = """CREATE TRIGGER {table}_webhooks AFTER INSERT ON {table}
    FOR EACH ROW {when} EXECUTE FUNCTION {table}_webhooks()"""
SQLITE_TRIGGER = """CREATE TRIGGER {table}_webhooks AFTER INSERT ON {table}
    {when} BEGIN {insert} END"""


def install(apps: Any, schema_editor: Any) -> None:
    """Make the triggers; replaces those that are there. A migration's RunPython calls it."""
    remove(apps, schema_editor)
    postgres = schema_editor.connection.vendor == "postgresql"
    for table, insert in _inserts(schema_editor.connection.vendor).items():
        kinds = ", ".join(f"'{kind}'" for kind in TYPES)
        when = f"WHEN (NEW.kind IN ({kinds}))" if table == TABLES[0] else ""
        made = (POSTGRES_FUNCTION, POSTGRES_TRIGGER) if postgres else (SQLITE_TRIGGER,)
        for sql in made:
            schema_editor.execute(sql.format(table=table, insert=insert, when=when), params=None)


def remove(apps: Any, schema_editor: Any) -> None:
    """Remove the triggers."""
    postgres = schema_editor.connection.vendor == "postgresql"
    for table in TABLES:
        on = f" ON {table}" if postgres else ""
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_webhooks{on}", params=None)
        if postgres:
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {table}_webhooks()", params=None)


@contextmanager
def removed() -> Iterator[None]:
    """Remove the triggers and make them again, in the transaction that the caller has opened.

    For a load of many visits that sends no message.
    """
    editor = connection.schema_editor()
    remove(installed_apps, editor)
    yield
    install(installed_apps, editor)


def _inserts(vendor: str) -> dict[str, str]:
    """Map each table to the statement that its trigger runs."""
    words = POSTGRES if vendor == "postgresql" else SQLITE
    cases = " ".join(f"WHEN '{kind}' THEN '{told}'" for kind, told in TYPES.items())
    expires = EXPIRES[vendor]
    of_event = OF_EVENT.format(cases=cases, expires=expires.format("NEW.at"), **words)
    of_offer = OF_OFFER.format(offered=OFFERED, expires=expires.format("NEW.created_at"), **words)
    return dict(zip(TABLES, (of_event, of_offer), strict=True))
