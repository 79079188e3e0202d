"""The rows of the database that the model covers, in the form that the model has them.

`slots_of(model)` and its like read the model; `slots(model)` and its like read the database.
"""

from typing import Any

from appointment.models import Appointment, Offer, WaitlistEntry
from doctor.models import Slot
from tests.stateful.model import Model


def difference(model: Model) -> list[tuple[str, Any, Any]]:
    """Return each kind of row on which model and database differ, with both versions."""
    pairs = [
        ("slots", slots_of(model), slots(model)),
        ("visits", visits_of(model), visits(model)),
        ("flagged", flagged_of(model), flagged(model)),
        ("entries", entries_of(model), entries(model)),
    ]
    return [pair for pair in pairs if pair[1] != pair[2]]


def slots_of(model: Model) -> dict[int, tuple[Any, ...]]:
    """Map the key of each slot to its start (minute of day), places and whether it is open."""
    return {
        pk: (slot.span[0], slot.capacity, slot.extra, model.taken(slot), model.is_open(slot))
        for pk, slot in model.slots.items()
    }


def slots(model: Model) -> dict[int, tuple[Any, ...]]:
    rows = Slot.objects.filter(schedule__in=model.sessions)
    return {
        row.pk: (
            row.starts_at.hour * 60 + row.starts_at.minute,
            row.capacity,
            row.extra_places,
            row.taken,
            row.is_open,
        )
        for row in rows
    }


def visits_of(model: Model) -> dict[int, tuple[Any, ...]]:
    """Map the key of each visit to its columns; its slot is None if that is gone."""
    visits = model.visits.values()
    return {v.pk: (v.patient, v.slot, v.doctor, v.status, v.reason, v.moved) for v in visits}


def visits(model: Model) -> dict[int, tuple[Any, ...]]:
    doctors = {session.doctor for session in model.sessions.values()}
    rows = Appointment.objects.filter(doctor__in=doctors)
    columns = ("pk", "patient", "slot", "doctor", "status", "reason", "moved")
    return {pk: tuple(rest) for pk, *rest in rows.values_list(*columns)}


def flagged_of(model: Model) -> set[int]:
    """Return the keys of the scheduled visits on the work list."""
    return {visit.pk for visit in model.visits.values() if model.is_flagged(visit)}


def flagged(model: Model) -> set[int]:
    rows = Appointment.objects.active().filter(pk__in=model.visits, needs_rebooking=True)
    return set(rows.values_list("pk", flat=True))


def entries_of(model: Model) -> dict[int, tuple[Any, ...]]:
    """Map the key of each entry to its patient, visit to replace, status and offered slot."""
    return {e.pk: (e.patient, e.replaces, e.status, e.offer) for e in model.entries.values()}


def entries(model: Model) -> dict[int, tuple[Any, ...]]:
    doctors = {session.doctor for session in model.sessions.values()}
    rows = WaitlistEntry.objects.filter(doctor__in=doctors)
    offers = dict(Offer.objects.open().filter(entry__in=rows).values_list("entry", "slot"))
    return {
        row.pk: (row.patient_id, row.replaces_id, row.status, offers.get(row.pk)) for row in rows
    }
