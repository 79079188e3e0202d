"""A listed slot can be booked; any other slot is refused with the listed reason (invariant I5)."""

from dataclasses import replace
from typing import Any

import pytest
from django.db.models import Q

from appointment.models.booking import RescheduleAppointment, booking_context
from doctor.models import Slot, booking_rules, free_slots
from doctor.models.booking_rules import REASONS, BookingContext
from doctor.models.slot import SlotQuerySet
from tests.drills.agreement import agree

pytestmark = pytest.mark.django_db

CASES = 100  # the drill has 10,000
# The first seeds of clinics with that reason.
FOUND_SOON = {"deceased": 2, "patient_overlap": 4, "too_soon": 3, "too_far": 1}
FOUND_IN_LISTS = {"past": 1, "too_soon": 6, "too_far": 1, "full": 4}


@pytest.mark.both_databases
def test_listing_search_explanation_booking_and_moving_agree_in_every_case() -> None:
    given = agree(CASES, first_seed=2)  # every reason occurs in these clinics
    assert given.total() >= CASES
    assert given.keys() == {str(reason) for reason in (None, *REASONS)}
    assert min(given.values()) > CASES / 200, given


# --- Controls: a missing condition is found -------------------------------------------------------
# They show that the comparison sees a difference. The database has no part in that.


@pytest.mark.parametrize("reason", REASONS[:-1])  # two guards protect `full`
def test_a_guard_that_lacks_a_condition_is_detected(
    reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Slot.take

    def careless(self: Slot, at: Any = None, context: Any = None) -> None:
        take(self, context=replace(context, waived=context.waived | {reason}))

    monkeypatch.setattr(Slot, "take", careless)
    with pytest.raises(AssertionError, match=r"^(booking|moving)"):
        agree(CASES, FOUND_SOON.get(reason, 0))


def test_a_time_that_staff_book_after_its_end_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_rules, "WAIVED_IN_PART", frozenset())
    with pytest.raises(AssertionError, match=r"^(booking|moving) by staff"):
        agree(CASES)


def test_a_place_sold_beside_an_added_one_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(at: Any) -> Q:
        return Q(hold_lapses_at__lte=at)

    monkeypatch.setattr(booking_rules, "_lapsed", careless)
    with pytest.raises(AssertionError, match=r"^explain"):
        agree(CASES, FOUND_IN_LISTS["full"])


@pytest.mark.parametrize("reason", ["closed", "past", "too_soon", "too_far", "full"])
def test_a_list_that_lacks_a_condition_is_detected(
    reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Careless(BookingContext):
        def __post_init__(self) -> None:
            super().__post_init__()
            rest = (q for name, q in self.conditions.items() if name != reason)
            object.__setattr__(self, "guard", Q(*rest))

    monkeypatch.setattr(free_slots, "BookingContext", Careless)
    with pytest.raises(AssertionError, match=r"^plain list"):
        agree(CASES, FOUND_IN_LISTS.get(reason, 0))


@pytest.mark.parametrize("forgets", ["the visit itself", "the state of the visit"])
def test_an_explained_move_that_forgets_the_visit_is_detected(
    forgets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(
        self: RescheduleAppointment, slots: SlotQuerySet, locations: Any, window: Any, by: Any
    ) -> SlotQuerySet:
        pk = None if forgets == "the visit itself" else self.appointment.pk
        patient = self.appointment.patient
        return slots.explained(booking_context(patient, self.at, locations, window, pk))

    monkeypatch.setattr(RescheduleAppointment, "explain", careless)
    with pytest.raises(AssertionError, match=r"^explain a move"):
        agree(CASES, first_seed=2)
