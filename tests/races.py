"""What the tests of races share, and the careless verbs of their controls.

A control runs the body of a race with its guard replaced by check-then-write: all threads look, and
only when all have looked, they write. It must go wrong, or the race could not see the guard work.
Controls run on PostgreSQL alone: on SQLite a transaction that has begun keeps the others out.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import StringIO
from threading import Barrier
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import F, Model

from accounts.models import User
from appointment.exceptions import InvalidTransition, NotCancelable
from appointment.models import Appointment, AppointmentEvent
from doctor.models import Slot
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.threads import run_together

SECONDS = 30


def outcomes(n: int, function: Callable[[int], Any]) -> Counter[type]:
    """How often n threads at once returned or raised which type."""
    return Counter(type(outcome) for outcome in run_together(n, function))


def crowd(n: int) -> list[Patient]:
    """So many patients, each with an account."""
    with transaction.atomic():
        return [PatientFactory(user__password="") for _ in range(n)]


def book(patient: Patient, slot: Slot) -> Appointment:
    return Appointment(patient=patient, slot=slot).book()


def assert_in_order() -> None:
    """All invariants hold; a CommandError names the rows of which one is not true."""
    said = StringIO()
    try:
        call_command("check_invariants", stdout=said)
    except BaseException:
        print(said.getvalue())  # noqa: T201  (pytest shows it when the test fails)
        raise


@contextmanager
def without(model: type[Model], name: str) -> Iterator[None]:
    """Drop a constraint for a while; the rows that break it are gone when it comes back."""
    [constraint] = [each for each in model._meta.constraints if each.name == name]
    with connection.schema_editor() as editor:
        editor.remove_constraint(model, constraint)
    try:
        yield
    finally:
        model._base_manager.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(model, constraint)


# --- Check-then-write -----------------------------------------------------------------------------


def gate(n: int) -> Callable[[], Any]:
    """Where n threads wait, each having looked, until the last of them has."""
    return Barrier(n, timeout=SECONDS).wait


def careless_take(wait: Callable[[], Any]) -> Callable[..., None]:
    """`Slot.take` that looks for a free place and then writes what it saw plus one."""

    def take(self: Slot, at: datetime) -> None:
        seen = Slot.objects.get(pk=self.pk)
        if reason := seen.refusal(at):
            raise reason
        wait()
        Slot.objects.filter(pk=self.pk).update(taken=seen.taken + 1)

    return take


def careless_cancel(wait: Callable[[], Any]) -> Callable[..., Appointment]:
    """`Appointment.cancel` that looks at the status and then writes."""

    def cancel(self: Appointment, at: datetime) -> Appointment:
        with transaction.atomic():
            if not Appointment.objects.get(pk=self.pk).can_cancel(at):
                raise NotCancelable
            wait()
            Appointment.objects.filter(pk=self.pk).update(status="canceled", canceled_at=at)
            Slot.objects.filter(pk=self.slot_id).update(taken=F("taken") - 1)
            AppointmentEvent.objects.create(appointment=self, kind="canceled", at=at)
        return self

    return cancel


def careless_complete(wait: Callable[[], Any]) -> Callable[..., Appointment]:
    """`Appointment.complete` that looks at the status and then writes."""

    def complete(self: Appointment, at: datetime) -> Appointment:
        with transaction.atomic():
            if Appointment.objects.get(pk=self.pk).status != "scheduled":
                raise InvalidTransition
            wait()
            Appointment.objects.filter(pk=self.pk).update(status="completed", canceled_at=None)
            AppointmentEvent.objects.create(appointment=self, kind="completed", at=at)
        return self

    return complete


def careless_lock(self: Any, pk: Any) -> Any:
    """A lock of one row, or of many by their keys, that only reads."""
    if isinstance(pk, set):
        return list(self.filter(pk__in=pk))
    return self.filter(pk=pk).first()


def careless_lock_own(wait: Callable[[], Any]) -> Callable[..., Patient]:
    """`Patient.objects.lock_own` that looks for a profile and then makes one."""

    def lock_own(self: Any, user: User) -> Patient:
        own = self.visible_to(user).first()
        wait()
        made: Patient = own or self.create(user=user, first_name="A", last_name="B")
        return made

    return lock_own
