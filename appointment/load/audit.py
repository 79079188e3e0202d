"""Audit events of the load data: who read and changed what, evenly over the days of its visits."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from accounts.models import AuditEvent
from appointment.load.directory import Directory
from appointment.load.people import People
from extensions.db.bulk_load import Row, Table

AUDIT = Table(
    AuditEvent, "id", "at", "actor_id", "actor_name", "role", "channel", "action", "outcome",
    "kind", "object_id", "patient_id", "address", "request_id", "emergency", "emergency_id",
)  # fmt: skip
SECONDS = 24 * 60 * 60
# Share of the events, by role, channel, action, kind, and whether a row rather than a list.
KINDS = (
    (0.50, "patient", "api", "read", "appointment.appointment", False),
    (0.12, "patient", "api", "create", "appointment.appointment", True),
    (0.06, "patient", "api", "change", "appointment.appointment", True),
    (0.08, "patient", "api", "read", "patient.patient", True),
    (0.14, "staff", "admin", "read", "patient.patient", True),
    (0.08, "staff", "admin", "change", "appointment.appointment", True),
    (0.02, "staff", "admin", "read", "patient.medicalhistory", False),
)
DENIED_SHARE = 0.002


@dataclass
class AuditRows:
    """Makes audit events: `count` of them, with keys above `last_key`, about `visits` visits."""

    count: int
    last_key: int
    visits: int
    people: People
    directory: Directory
    seed: int

    def batches(
        self, first: date, last: date, size: int
    ) -> Iterator[list[tuple[Table, list[Row]]]]:
        """Yield the events from the first day to the last, this many at a time."""
        rng = Random(f"audit {self.seed}")  # noqa: S311  # nosec B311  # the same in each load
        days = (last - first).days + 1
        clock = [f" {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}" for n in range(SECONDS)]
        weighted = [kind[1:] for kind in KINDS for _ in range(round(kind[0] * 100))]
        for start in range(0, self.count, size):
            rows: list[Row] = []
            for number in range(start, min(start + size, self.count)):
                day, rest = divmod(number * days, self.count)
                if number == start or rest < days:
                    text = (first + timedelta(days=day)).isoformat()
                at = text + clock[rest * SECONDS // self.count]
                rows.append(self._row(number, at, weighted[int(rng.random() * 100)], rng))
            yield [(AUDIT, rows)]

    def _row(
        self, number: int, at: str, event: tuple[str, str, str, str, bool], rng: Random
    ) -> Row:
        role, channel, action, kind, of_row = event
        patient = int(rng.random() * self.people.count)
        actor, name = self.people.account_of(patient), None
        if role == "staff" or actor is None:
            desk = self.directory.desks[patient % self.people.sites]
            role, channel, actor, name = "staff", "admin", desk.pk, desk.name
        key = self.people.key(patient)
        row = key if kind == "patient.patient" else 1 + int(rng.random() * self.visits)
        denied = rng.random() < DENIED_SHARE
        return (
            self.last_key + 1 + number, at, actor, name, role, channel, action,
            "denied" if denied else "allowed", kind, row if of_row else None, key,
            f"192.0.2.{number % 254 + 1}", f"{rng.getrandbits(128):032x}", False, None,
        )  # fmt: skip
