"""Undo beside other calls on the same rows, each race with the guard and without it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from django.db.models import F

from accounts.tests.factories import SuperuserFactory
from appointment.exceptions import InvalidTransition, NotCancelable, NothingToUndo
from appointment.models import Appointment
from appointment.models.booking import RestoreAppointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import PatientOverlap, SlotFull
from doctor.models import Slot
from doctor.models.booking_rules import BookingContext
from doctor.tests.factories import ScheduleFactory
from extensions.db.inserts import insert_together
from patient.models import Patient, PatientQuerySet
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.races import assert_in_order, gate, then_wait, without
from tests.threads import run_together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
Patch = pytest.MonkeyPatch
Call = Callable[[], Any]
HOUR = timedelta(hours=1)


def race(*calls: Call) -> list[str]:
    """Make the calls at once; return the type of each outcome by name, in their order."""
    return [type(outcome).__name__ for outcome in run_together(len(calls), lambda n: calls[n]())]


def copy(visit: Appointment) -> Appointment:
    return Appointment.objects.get(pk=visit.pk)


# --- Undo and a booking of the freed place --------------------------------------------------------


def undo_beside_bookings(visit: Appointment, bookings: int) -> list[str]:
    """Cancel the visit, then undo this while others book its place."""
    visit.cancel()
    patients = [PatientFactory() for _ in range(bookings)]
    books = [Appointment(patient=patient, slot=visit.slot).book for patient in patients]
    return race(copy(visit).undo, *books)


def test_a_freed_place_is_either_booked_or_taken_back_by_an_undo() -> None:
    visit = AppointmentFactory()
    outcomes = undo_beside_bookings(visit, 5)
    assert sorted(outcomes) == ["Appointment", *["SlotFull"] * 5]
    assert visit.slot.appointments.holding_a_place().count() == 1
    assert_balanced(visit.slot)
    assert_in_order()


@pytest.mark.only_on("postgres")
def test_with_check_then_write_the_place_is_sold_twice(monkeypatch: Patch) -> None:
    wait = gate(2)

    def take(
        self: Slot, at: Any = None, context: BookingContext | None = None, rows: Any = ()
    ) -> None:
        free = Slot.objects.bookable_in(context).filter(pk=self.pk).exists()
        wait()
        if not free:
            raise SlotFull
        Slot.objects.filter(pk=self.pk).update(taken=1)
        if rows:
            insert_together(rows)

    monkeypatch.setattr(Slot, "take", take)
    monkeypatch.setattr(
        Appointment, "_lock_slot", lambda self, *others: [Slot.objects.get(pk=self.slot_id)]
    )
    visit = AppointmentFactory()
    visit.cancel = lambda: cancel_by_hand(visit)
    assert undo_beside_bookings(visit, 1) == ["Appointment"] * 2
    assert visit.slot.appointments.holding_a_place().count() == 2
    with pytest.raises(CommandError):
        assert_in_order()


def cancel_by_hand(visit: Appointment) -> None:
    """Write what `cancel` writes, without its locks."""
    at = visit.starts_at - HOUR
    Appointment.objects.filter(pk=visit.pk).update(status="canceled", canceled_at=at)
    Slot.objects.filter(pk=visit.slot_id).update(taken=F("taken") - 1)
    visit._record("canceled", None, at, "scheduled", "canceled")


# --- Undo twice -----------------------------------------------------------------------------------


def undo_together(visit: Appointment, tries: int) -> list[str]:
    return race(*(copy(visit).undo for _ in range(tries)))


@pytest.mark.parametrize("end", ["cancel", "complete"])
def test_of_many_undos_one_takes_the_change_back(end: str) -> None:
    visit = AppointmentFactory(slot=ScheduleFactory(capacity=5).slots.first())
    getattr(visit, end)(at=visit.starts_at - HOUR if end == "cancel" else visit.starts_at)
    outcomes = undo_together(visit, 6)
    assert sorted(outcomes) == ["Appointment", *["NothingToUndo"] * 5]
    assert visit.events.filter(kind="undone").count() == 1
    assert_balanced(visit.slot)
    assert_in_order()


@pytest.mark.only_on("postgres")
def test_with_check_then_write_two_undos_take_two_places(monkeypatch: Patch) -> None:
    visit = AppointmentFactory(slot=ScheduleFactory(capacity=5).slots.first())
    visit.cancel()
    monkeypatch.setattr(PatientQuerySet, "lock", lambda patients, pk: patients.get(pk=pk))
    monkeypatch.setattr(Appointment, "_lock_slot", lambda self, *others: [self.slot])

    def write(self: Appointment, event: Any, changes: Any, by: Any, at: Any, why: str) -> None:
        Appointment.objects.filter(pk=self.pk).update(**changes)
        self._record("undone", by, at, "canceled", "scheduled", undoes="canceled")

    then_wait(monkeypatch, RestoreAppointment, "load_candidates", gate(2))
    monkeypatch.setattr(Appointment, "_save_undone", write)
    assert undo_together(visit, 2) == ["Appointment"] * 2
    assert Slot.objects.get(pk=visit.slot_id).taken == 2
    with pytest.raises(CommandError):
        assert_in_order()


# --- Undo and another verb that locks the appointment alone --------------------------------------


def test_undo_takes_back_no_more_than_what_it_has_read() -> None:
    """An amendment may come between: then there is nothing to undo."""
    visit = AppointmentFactory()
    visit.complete(at=visit.starts_at)
    outcomes = race(copy(visit).undo, lambda: copy(visit).amend("Test results"))
    assert outcomes[1] == "Appointment"
    kinds = list(visit.events.order_by("pk").values_list("kind", flat=True))[1:]
    if outcomes[0] == "Appointment":
        assert sorted(kinds) == ["amended", "completed", "undone"]
        assert kinds.index("undone") == kinds.index("completed") + 1
    else:
        assert (outcomes[0], kinds) == ("NothingToUndo", ["completed", "amended"])


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize("guarded", [True, False])
def test_the_latest_event_is_read_again_under_the_lock(monkeypatch: Patch, guarded: bool) -> None:
    """With the amendment written in between, undo without the second look takes back too much."""
    visit = AppointmentFactory()
    visit.complete(at=visit.starts_at)
    other, undoable = copy(visit), Appointment._undoable
    reads: list[Any] = []

    def amended_after_the_second(self: Appointment, of: str = "") -> Any:
        if len(reads) == 2 and not guarded:
            return reads[-1]
        reads.append(undoable(self, of))
        if len(reads) == 2:
            run_together(1, lambda n: other.amend("Test results"))
        return reads[-1]

    monkeypatch.setattr(Appointment, "_undoable", amended_after_the_second)
    if guarded:
        with pytest.raises(NothingToUndo):
            visit.undo()
        assert copy(visit).status == "completed"
    else:
        visit.undo()
        kinds = list(visit.events.order_by("pk").values_list("kind", flat=True))
        assert kinds == ["booked", "completed", "amended", "undone"]


# --- Undo and erasure -----------------------------------------------------------------------------


def undo_beside_erasure(visit: Appointment) -> list[str]:
    return race(copy(visit).undo, lambda: Patient.objects.get(pk=visit.patient_id).erase())


@pytest.mark.parametrize("end", ["cancel", "complete"])
def test_no_visit_of_an_erased_person_is_scheduled(end: str) -> None:
    visit = AppointmentFactory()
    getattr(visit, end)(at=visit.starts_at - HOUR if end == "cancel" else visit.starts_at)
    outcomes = undo_beside_erasure(visit)
    # DoesNotExist, which is answered 404: the erasure ended before the undo read the patient.
    assert outcomes[0] in {"Appointment", "InvalidTransition", "DoesNotExist"}
    assert outcomes[1] == "NoneType"
    row = copy(visit)
    assert (row.patient, row.status == "scheduled") == (None, False)
    assert_balanced(visit.slot)
    assert_in_order()


@pytest.mark.only_on("postgres")
def test_without_the_lock_of_the_patient_an_erased_person_gets_a_visit(monkeypatch: Patch) -> None:
    """The erasure runs after undo has read the patient and before it writes."""
    visit = AppointmentFactory()
    visit.complete(at=visit.starts_at)
    erase = Patient.objects.get(pk=visit.patient_id).erase

    def erase_meanwhile(self: RestoreAppointment, refusal: Any) -> None:
        run_together(1, lambda n: erase())

    def write(self: Appointment, event: Any, changes: Any, by: Any, at: Any, why: str) -> None:
        Appointment.objects.filter(pk=self.pk).update(**changes)

    monkeypatch.setattr(RestoreAppointment, "lock_patient_of_visit", erase_meanwhile)
    monkeypatch.setattr(Appointment, "_save_undone", write)
    visit.undo()
    assert (copy(visit).patient, copy(visit).status) == (None, "scheduled")


# --- A visit that becomes scheduled again beside a booking ----------------------------------------


def late_arrival_beside_a_booking() -> list[str]:
    """Check in a no-show while the patient books an overlapping visit with another doctor."""
    visit, clerk = AppointmentFactory(), SuperuserFactory()
    visit.mark_no_show(at=visit.starts_at)
    beside = ScheduleFactory(date=visit.date).slots.first()
    book = Appointment(patient=visit.patient, slot=beside).book
    check_in = copy(visit).check_in
    return race(lambda: check_in(by=clerk, at=visit.starts_at), book)


def test_a_late_arrival_and_a_booking_do_not_overlap() -> None:
    outcomes = late_arrival_beside_a_booking()
    assert sorted(outcomes) == ["Appointment", "PatientOverlap"]
    assert Appointment.objects.active().count() == 1
    assert_in_order()


@pytest.mark.only_on("postgres")
def test_without_lock_and_constraint_a_late_arrival_overlaps(monkeypatch: Patch) -> None:
    wait = gate(2)
    monkeypatch.setattr(PatientQuerySet, "lock", lambda patients, pk: patients.get(pk=pk))
    then_wait(monkeypatch, RestoreAppointment, "refuse_other_visits", wait)
    then_wait(monkeypatch, Slot, "take", wait)
    with without(Appointment, "appointment_no_overlap_of_one_patient"):
        assert late_arrival_beside_a_booking() == ["Appointment"] * 2
        with pytest.raises(CommandError):
            assert_in_order()


@pytest.mark.only_on("postgres")
def test_without_the_lock_the_constraint_is_a_refusal_too(monkeypatch: Patch) -> None:
    wait = gate(2)
    monkeypatch.setattr(PatientQuerySet, "lock", lambda patients, pk: patients.get(pk=pk))
    then_wait(monkeypatch, RestoreAppointment, "refuse_other_visits", wait)
    then_wait(monkeypatch, Slot, "take", wait)
    assert sorted(late_arrival_beside_a_booking()) == ["Appointment", PatientOverlap.__name__]
    assert Appointment.objects.active().count() == 1


# --- Undo beside a move and a cancelation ---------------------------------------------------------


def test_a_check_in_is_undone_and_the_visit_canceled_at_once_without_a_lost_place() -> None:
    """The patient cancels once the check-in is undone; in no order is a place lost."""
    visit = AppointmentFactory()
    early = visit.starts_at - HOUR
    visit.check_in(at=early)
    user, mine = visit.patient.user, copy(visit)
    outcomes = race(copy(visit).undo, lambda: mine.cancel(by=user, at=early))
    assert outcomes[0] == "Appointment"
    assert outcomes[1] in {"Appointment", "CheckedIn"}
    assert_balanced(visit.slot)
    assert_in_order()


def test_undos_and_cancelations_at_once_keep_the_places_balanced() -> None:
    visit = AppointmentFactory(slot=ScheduleFactory(capacity=5).slots.first())
    visit.cancel()
    outcomes = race(*(copy(visit).undo for _ in range(2)), *(copy(visit).cancel for _ in range(2)))
    assert set(outcomes) <= {"Appointment", NothingToUndo.__name__, NotCancelable.__name__}
    assert InvalidTransition.__name__ not in outcomes
    assert_balanced(visit.slot)
    assert_in_order()
