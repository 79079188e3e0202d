"""Races of `repair_times` with bookings, moves, edits of sessions and itself."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from appointment.models import Appointment
from appointment.models.zone_repair import ZoneRepair, repair
from appointment.tests.factories import AppointmentFactory
from doctor.models import Slot
from doctor.models.displaced import displaced
from doctor.tests.factories import LocationFactory, PublishedScheduleFactory
from extensions.db.inserts import insert_together
from extensions.db.retry import retry_on_conflict
from patient.tests.factories import PatientFactory
from tests.race_bodies import assert_apart
from tests.races import assert_in_order
from tests.threads import becomes_true, run_together, somebody_waits
from tests.zones import other_zones

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def session(folder: Path, **more: Any) -> Any:
    """Publish a session in Vancouver, seven hours behind UTC."""
    with other_zones(folder / "before", Vancouver="Etc/GMT+7"):
        place = LocationFactory(time_zone="America/Vancouver")
        return PublishedScheduleFactory(location=place, **more)


def repairing(doctor: int) -> Callable[[], Any]:
    return lambda: retry_on_conflict(repair)(doctor, timezone.now())


def assert_repaired(here: Any) -> None:
    """Assert that the slots are where they belong and their visits with them."""
    assert not list(displaced(here.slots.all()))
    for visit in Appointment.objects.exclude(slot=None).select_related("slot"):
        assert (visit.starts_at, visit.ends_at) == (visit.slot.starts_at, visit.slot.ends_at)
    assert_apart(here.slots.all())
    assert_in_order()


def together(here: Any, folder: Path, *verbs: Callable[[], Any]) -> list[Any]:
    """Run a repair and these verbs at once, with zone data by which Vancouver is an hour later."""
    calls = [repairing(here.doctor_id), *verbs]
    with other_zones(folder / "after", Vancouver="Etc/GMT+8"):
        outcomes = run_together(len(calls), lambda n: calls[n]())
        assert_repaired(here)
    return outcomes


def test_a_visit_that_is_booked_while_times_are_repaired_fits_its_slot(tmp_path: Path) -> None:
    here = session(tmp_path)
    visits = [Appointment(patient=PatientFactory(), slot=slot) for slot in here.slots.all()[:3]]
    _, *outcomes = together(here, tmp_path, *(visit.book for visit in visits))
    for visit, outcome in zip(visits, outcomes, strict=True):  # absent: it moved meanwhile
        assert outcome == visit or isinstance(outcome, Slot.DoesNotExist)


def test_visits_that_move_or_are_canceled_meanwhile_fit_their_slots(tmp_path: Path) -> None:
    here = session(tmp_path)
    first, second, third, _ = here.slots.all()
    moving, leaving = AppointmentFactory(slot=first), AppointmentFactory(slot=second)
    move = partial(moving.reschedule, to=third)
    outcomes = together(here, tmp_path, repairing(here.doctor_id), move, leaving.cancel)
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] in (
        [],
        [Slot.DoesNotExist],  # the free slot that it moves to was made again before
    )


def test_an_edit_of_the_session_meanwhile_leaves_its_slots_in_place(tmp_path: Path) -> None:
    here = session(tmp_path)
    assert together(here, tmp_path, partial(here.revise, capacity=2))[1] is None
    assert set(here.slots.values_list("capacity", flat=True)) == {2}


def held(patch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Let a repair wait, with its locks, until another transaction waits for them.

    Returns a function that tells whether a repair has its locks.
    """
    lock, started = ZoneRepair.lock, []

    def lock_and_wait(repair: ZoneRepair) -> None:
        lock(repair)
        started.append(True)
        assert becomes_true(somebody_waits)

    patch.setattr(ZoneRepair, "lock", lock_and_wait)
    return lambda: bool(started)


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize("guarded", [True, False])
def test_a_booking_that_waits_for_a_repair_gets_no_time_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    here = session(tmp_path, capacity=2)
    is_locked = held(monkeypatch)
    visit = Appointment(patient=PatientFactory(), slot=here.slots.first())
    AppointmentFactory(slot=visit.slot)  # so the slot moves, and one place is free
    if not guarded:  # the control: `take` asks for the key alone
        monkeypatch.setattr(Slot, "take", take_by_key)

    def book() -> None:
        assert becomes_true(is_locked)
        visit.book()

    if not guarded:
        with pytest.raises(AssertionError):
            together(here, tmp_path, book)
        return
    _, outcome = together(here, tmp_path, book)
    assert isinstance(outcome, Slot.DoesNotExist)
    assert Appointment.objects.count() == 1


def take_by_key(slot: Slot, at: Any = None, context: Any = None, rows: Any = ()) -> None:
    """Take a place as `Slot.take` does, but at whatever time the slot is by now."""
    Slot.objects.bookable_in(context).filter(pk=slot.pk).update(taken=F("taken") + 1)
    insert_together(rows)
