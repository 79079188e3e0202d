"""Random sequences of verbs keep the invariants, and a refused verb changes nothing."""

from collections import Counter
from collections.abc import Callable
from datetime import time, timedelta
from io import StringIO
from random import Random
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.management import call_command

from appointment.models import Appointment, AppointmentEvent
from doctor.models import Doctor, Schedule, Slot
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from extensions.exceptions import DomainError
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db

TRIES = 100
VERBS = ["cancel", "complete", "mark_no_show", "amend", "discard", "resize", "publish", "revise"]
VERBS += [
    "squeeze_in",
    "squeeze_in",
    "unpublish",
    "open_or_close",
    "erase",
    "book_earliest",
    *["book"] * 5,
]
REFUSALS = (DomainError, ValidationError, ObjectDoesNotExist)


class Clinic:
    """Three doctors and five patients, and methods that each call one verb on random rows."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.doctors = [DoctorFactory() for _ in range(3)]
        self.locations = [
            LocationFactory(time_zone=zone) for zone in ("Europe/Madrid", "America/New_York")
        ]
        for _ in range(5):
            PatientFactory()
        for doctor in self.doctors:
            ScheduleFactory(doctor=doctor, capacity=2)

    def any_of(self, model: Any) -> Any:
        """Return a random row, or raise DoesNotExist if there is none."""
        rows = list(model.objects.order_by("pk"))
        if not rows:
            raise model.DoesNotExist
        return self.chance.choice(rows)

    def session(self) -> dict[str, Any]:
        """Return random fields of a session."""
        start = self.chance.randint(8, 14)
        return {
            "location": self.chance.choice(self.locations),
            "date": day_ahead(self.chance.choice([3, 4])),
            "start_time": time(start, self.chance.choice([0, 30])),
            "end_time": time(start + self.chance.randint(1, 4)),
            "slot_minutes": self.chance.choice([20, 30, 60, None]),
            "capacity": self.chance.randint(1, 3),
            "is_active": self.chance.random() < 0.8,
        }

    def book(self) -> None:
        slot = self.any_of(Slot)
        at = slot.starts_at + timedelta(minutes=self.chance.choice([-60, -60, -60, 0]))
        Appointment(patient=self.any_of(Patient), slot=slot).book(at=at)

    def book_earliest(self) -> None:
        schedule, user = self.any_of(Schedule), self.any_of(Patient).user
        Appointment.objects.book_own(user, schedule.doctor_id, schedule_id=schedule.pk)

    def cancel(self) -> None:
        self.any_of(Appointment).cancel(reason="A cold")

    def complete(self) -> None:
        visit = self.any_of(Appointment)
        visit.complete(at=visit.starts_at)

    def mark_no_show(self) -> None:
        visit = self.any_of(Appointment)
        visit.mark_no_show(at=visit.starts_at)

    def amend(self) -> None:
        self.any_of(Appointment).amend("Test results")

    def discard(self) -> None:
        self.any_of(Appointment).discard()

    def resize(self) -> None:
        slot = self.any_of(Slot)
        if not slot.extra_places:  # else its places would no longer be those of its session
            slot.resize(self.chance.randint(1, 4))

    def squeeze_in(self) -> None:
        slot = self.any_of(Slot)
        places = slot.schedule.capacity + slot.extra_places
        if slot.capacity == places:  # no verb has resized it
            visit = Appointment(patient=self.any_of(Patient), slot=slot)
            visit.book(override_reason="A burn", squeeze_in=True)

    def publish(self) -> None:
        Schedule(doctor=self.chance.choice(self.doctors), **self.session()).publish()

    def revise(self) -> None:
        session = self.session()
        names = self.chance.sample(sorted(session), 2)
        self.any_of(Schedule).revise(**{name: session[name] for name in names})

    def unpublish(self) -> None:
        self.any_of(Schedule).unpublish()

    def open_or_close(self) -> None:
        doctor = Doctor.objects.get(pk=self.chance.choice(self.doctors).pk)
        doctor.accepts_patients = self.chance.random() < 0.7
        doctor.publish()

    def erase(self) -> None:
        self.any_of(Patient).erase()
        PatientFactory()


def state() -> list[list[dict[str, Any]]]:
    """Return all rows that a verb could change."""
    models = (Schedule, Slot, Appointment, AppointmentEvent, Patient)
    return [list(model._base_manager.order_by("pk").values()) for model in models]


def refused(verb: Callable[[], None]) -> bool:
    """Call the verb; return whether it raised one of REFUSALS."""
    try:
        verb()
    except REFUSALS:
        return True
    return False


@pytest.mark.parametrize("seed", [pytest.param(1, marks=pytest.mark.both_databases), 2])
def test_any_sequence_of_verbs_keeps_the_invariants(seed: int) -> None:
    clinic, now, done = Clinic(Random(seed)), state(), Counter[str]()
    for _ in range(TRIES):
        name = clinic.chance.choice(VERBS)
        before, was_refused = now, refused(getattr(clinic, name))
        now = state()
        assert not was_refused or now == before, f"{name} was refused and changed something"
        done[name] += not was_refused
    for slot in Slot.objects.all():
        assert_balanced(slot)
    call_command("check_invariants", window=7, stdout=StringIO())
    assert done.total() > TRIES / 3, done
