"""Compiled querysets: the rows of the queryset, with the values of each call."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.models import F, Q, QuerySet
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from doctor.models import Slot
from doctor.models.booking_rules import BookingContext
from doctor.tests.factories import PublishedScheduleFactory
from extensions.db.compiled import CompiledQuery, compiled, compiled_update
from tests.statements import counted_statements
from tests.threads import run_together

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def guarded(doctor: int, guard: Q, at: datetime) -> QuerySet[Any, Any]:
    """Return the slots of a doctor that the rules allow and that start after an instant."""
    slots = Slot.objects.filter(guard, doctor=doctor, starts_at__gt=at)
    return slots.select_related("doctor", "location").order_by("starts_at", "pk")


def among(keys: list[int], upcoming: bool | None = None) -> QuerySet[Any, Any]:
    """Return the keys of these slots."""
    slots = Slot.objects.filter(pk__in=keys)
    return (slots.filter(is_open=True) if upcoming else slots).values_list("pk", flat=True)


@pytest.fixture
def slots() -> list[Slot]:
    """Return the slots of a published session, in their order."""
    session = PublishedScheduleFactory()
    return list(session.slots.select_related("location").order_by("starts_at"))


def test_a_compiled_queryset_returns_the_rows_of_the_queryset_for_each_guard(
    slots: list[Slot],
) -> None:
    query: CompiledQuery[Any, Slot] = compiled(guarded)
    now, places = timezone.now(), (slots[0].location,)
    contexts = [
        BookingContext(now, places),
        BookingContext(now, places, visits=((slots[1].starts_at, slots[1].ends_at),)),
        BookingContext(now, places, visits=((slots[2].starts_at, slots[2].ends_at),)),
        BookingContext(now, places, booked=frozenset({slots[0].pk}), waived=frozenset({"past"})),
        BookingContext(slots[1].starts_at, places),
        BookingContext(now, places, is_deceased=True),
    ]
    for context in contexts:
        expected = list(guarded(slots[0].doctor_id, context.guard, slots[0].starts_at))
        found = query(slots[0].doctor_id, context.guard, slots[0].starts_at)
        assert found == expected
        with counted_statements() as statements:
            assert [each.location for each in found] == [each.location for each in expected]
            assert [each.doctor.name for each in found] == [each.doctor.name for each in expected]
        assert not statements  # `select_related` loaded both
    assert len(query.querysets) == 4  # three of the contexts have the shape of another


@pytest.mark.only_on("postgres")
def test_threads_that_compile_a_query_at_once_get_the_whole_sql(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interval = sys.getswitchinterval()
    shape, at = (int, ("AND", False), datetime), timezone.now()
    arguments = (1, Q(), at)
    expected = str(compiled(guarded)._statement(shape, "default", guarded(*arguments)).sql)

    def sql_of(query: CompiledQuery[Any, Any]) -> str:
        queryset = query._queryset(shape, arguments, {})
        return str(query._statement(shape, "default", queryset).sql)

    try:
        sys.setswitchinterval(1e-6)
        for _ in range(15):
            query: CompiledQuery[Any, Any] = compiled(guarded)
            found = run_together(8, lambda _, query=query: sql_of(query))
            assert len(set(found)) == 1, found
            assert str(found[0]).count("JOIN") == expected.count("JOIN") == 2
    finally:
        sys.setswitchinterval(interval)


def test_lists_and_truth_values_belong_to_the_shape(slots: list[Slot]) -> None:
    query: CompiledQuery[Any, int] = compiled(among)
    first, second, third = (slot.pk for slot in slots[:3])
    Slot.objects.filter(pk=second).update(is_open=False)
    assert set(query([first, second])) == {first, second}
    assert set(query([second, third])) == {second, third}
    assert query([first, second], True) == [first]
    assert query([]) == []


def test_an_update_counts_the_rows_that_its_guard_finds(slots: list[Slot]) -> None:
    @compiled_update
    def take(slot: int, guard: Q) -> tuple[QuerySet[Any, Any], dict[str, Any]]:
        return Slot.objects.filter(guard, pk=slot), {"taken": F("taken") + 1}

    free = BookingContext(timezone.now(), (slots[0].location,)).guard
    assert [take(slots[0].pk, free), take(slots[0].pk, free), take(slots[1].pk, free)] == [1, 0, 1]
    assert sorted(Slot.objects.values_list("taken", flat=True))[-3:] == [0, 1, 1]


def test_an_instant_is_compared_as_the_database_stores_it(slots: list[Slot]) -> None:
    query: CompiledQuery[Any, Slot] = compiled(guarded)
    second = slots[1].starts_at
    after = query(slots[0].doctor_id, Q(), second)
    until = query(slots[0].doctor_id, Q(), second - timedelta(microseconds=1))
    assert len(until) == len(after) + 1


def test_a_lock_outside_of_a_transaction_is_refused_at_each_call(
    slots: list[Slot], monkeypatch: pytest.MonkeyPatch
) -> None:
    @compiled
    def locked(slot: int) -> QuerySet[Slot, Any]:
        return Slot.objects.filter(pk=slot).select_for_update(no_key=True)

    with transaction.atomic():
        assert locked(slots[0].pk) == [slots[0]]
    monkeypatch.setattr(connections["default"], "in_atomic_block", False)
    with pytest.raises(TransactionManagementError):
        locked(slots[0].pk)


@pytest.mark.parametrize("value", [1.5, object(), Slot(pk=1), {"pk": 1}])
def test_other_arguments_are_refused(value: object) -> None:
    query: Callable[..., Any] = compiled(guarded)
    with pytest.raises(TypeError, match="takes no"):
        query(value, Q(), timezone.now())
