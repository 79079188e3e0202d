"""The database's own limit: the rows of a booking, and the list, by one statement of pgbench.

Only the bench has these statements. They know the tables' columns, and no rule of the product but
the place: what they write satisfies `check_invariants`.
"""

from typing import Any

# The rows of a booking with a key: the place, the visit, its event, its messages, its audit event,
# the key.
BOOK = """
WITH pair AS (
    SELECT slot, patient FROM bench.pairs WHERE turn = (SELECT nextval('bench.turn'))
), place AS (
    UPDATE doctor_slot SET taken = taken + 1
    FROM pair WHERE id = pair.slot AND taken < capacity AND is_open AND starts_at > now()
    RETURNING id, doctor_id, location_id, starts_at, ends_at, pair.patient
), visit AS (
    INSERT INTO appointment_appointment
        (patient_id, slot_id, doctor_id, location_id, starts_at, ends_at, date, status, reason,
         booked_by_id, created_at, cancel_reason, needs_rebooking)
    SELECT patient, id, doctor_id, location_id, starts_at, ends_at, starts_at::date, 'scheduled',
        '', {user}, now(), '', false
    FROM place RETURNING id, slot_id, patient_id, location_id, starts_at
), event AS (
    INSERT INTO appointment_appointmentevent
        (appointment_id, kind, at, actor_id, by, from_status, to_status, to_slot, detail,
         override_reason)
    SELECT id, 'booked', now(), {user}, 'patient', '', 'scheduled', slot_id, '', '' FROM visit
    RETURNING id
), messages AS (
    INSERT INTO accounts_outgoingmail
        (kind, channel, address, user_id, object_id, cause, location, created_at, due_at,
         expires_at, attempts)
    SELECT kind, '', '', {user}, visit.id, event.id, location_id, now(), due, starts_at, 0
    FROM visit, event,
        LATERAL (VALUES ('booked', now()), ('reminder', starts_at - interval '1 day'))
            AS message (kind, due)
), audit AS (
    INSERT INTO accounts_auditevent
        (at, actor_id, role, channel, action, outcome, kind, object_id, patient_id, address,
         request_id, emergency)
    SELECT now(), {user}, 'patient', 'api', 'create', 'allowed', 'appointment.appointment', id,
        patient_id, '127.0.0.1', '', false FROM visit
), key AS (
    INSERT INTO appointment_idempotencykey
        (user_id, key, fingerprint, created_at, status, body, location, patient_id)
    SELECT {user}, 'limit-' || id, '', now(), 201, repeat('x', 400), '', patient_id FROM visit
)
SELECT id FROM visit;
"""
USED = "SELECT last_value FROM bench.turn"  # of the pairs that were prepared
LIST = """
SELECT s.id, s.schedule_id, s.location_id, s.starts_at, s.ends_at, l.time_zone, s.capacity,
    s.capacity - s.taken AS available
FROM doctor_slot s JOIN doctor_location l ON l.id = s.location_id
WHERE s.doctor_id = {doctor} AND s.is_open AND s.starts_at > now()
    AND s.starts_at < now() + interval '14 days' AND s.taken < s.capacity
ORDER BY s.starts_at, s.id;
"""


def script(name: str, clinic: Any) -> str:
    """Return the script of pgbench for `book` or `list`, a statement on one line."""
    words = {"user": clinic.limit_user, "doctor": clinic.list_doctor}
    text = {"book": BOOK, "list": LIST}[name].format(**words)
    return " ".join(text.split()) + "\n"
