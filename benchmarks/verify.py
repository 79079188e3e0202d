"""After the rounds: every acknowledged booking is in the database, and all invariants hold."""

from contextlib import closing

import psycopg2

from benchmarks.generator import Failed
from benchmarks.rounds import Place


def acknowledged_bookings(place: Place) -> int:
    """Return how many bookings were acknowledged. Raises Failed if the database lacks one."""
    keys = place.clinic.acknowledged
    if len(set(keys)) != len(keys):
        raise Failed("two bookings were acknowledged with one id")
    with closing(psycopg2.connect(place.server.url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM appointment_appointment "
            "WHERE id = ANY(%s) AND status = 'scheduled'",
            [keys],
        )
        found = cursor.fetchone()[0]
    if found != len(keys):
        raise Failed(f"{len(keys) - found} of {len(keys)} acknowledged bookings are not there")
    return len(keys)


def invariants(place: Place) -> str:
    """Return the last line of `manage.py check_invariants`. Raises Failed if one is violated."""
    return place.server.manage("check_invariants").strip().splitlines()[-1]
