"""The figures of the desk stay exact, whatever changes after a day is summed."""

import threading
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from appointment.desk.figures_query import DOCTOR, MONTH, SITE, WEEK, FiguresOfPeriod
from appointment.models import Appointment, DayTotals, StaleDay, SummedDay, day_totals
from appointment.tests.factories import AppointmentFactory
from doctor.models import Schedule, Slot
from doctor.tests.factories import DoctorFactory, ScheduleFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

# Days that are over by the clock of the database too, whose triggers ask it.
FIRST = timezone.now().date() - timedelta(days=12)
SECOND = FIRST + timedelta(days=1)
PERIOD = (SECOND, FIRST + timedelta(days=6))
NUMBERS = ("label", *day_totals.NUMBERS)


def figures(user: User) -> list[Any]:
    """Return all figures of the second day and the next ones, as the desk reads them now."""
    rows = [FiguresOfPeriod(user, *PERIOD, by).rows() for by in (DOCTOR, SITE, WEEK, MONTH)]
    return [[getattr(row, name) for name in NUMBERS] for each in rows for row in each]


def counted(user: User) -> list[Any]:
    """Return the figures as counted from slots and visits alone."""
    SummedDay.objects.all().delete()
    return figures(user)


@pytest.fixture
def visit(superuser: User) -> Appointment:
    """Insert two sessions and two visits on two days that are over, and sum these."""
    first = ScheduleFactory(date=FIRST)
    AppointmentFactory(slot=first.slots.all()[0])
    second = ScheduleFactory(date=SECOND, doctor=DoctorFactory())
    made: Appointment = AppointmentFactory(slot=second.slots.all()[0], status="no_show")
    StaleDay.objects.all().delete()
    SummedDay.objects.sum_days(timezone.now())
    assert SummedDay.objects.current().filter(pk__range=PERIOD).count() == 6
    return made


def completed(visit: Appointment) -> None:
    visit.complete(by=User.objects.get(is_superuser=True), at=visit.ends_at)


def deleted(visit: Appointment) -> None:
    Appointment.objects.filter(pk=visit.pk).delete()


def booked_later(visit: Appointment) -> None:
    AppointmentFactory(slot=visit.slot.schedule.slots.all()[1])


def moved_to_the_day_before(visit: Appointment) -> None:
    Appointment.objects.filter(pk=visit.pk).update(date=FIRST)


def of_another_doctor(visit: Appointment) -> None:
    Appointment.objects.filter(pk=visit.pk).update(doctor=DoctorFactory())


def booked_before(visit: Appointment) -> None:
    early = visit.created_at - timedelta(days=3)
    Appointment.objects.filter(pk=visit.pk).update(created_at=early)


def slot_closed(visit: Appointment) -> None:
    Slot.objects.filter(schedule=visit.slot.schedule_id).update(is_open=False)


def place_added(visit: Appointment) -> None:
    Slot.objects.filter(pk=visit.slot_id).update(capacity=5)


def slot_deleted(visit: Appointment) -> None:
    visit.slot.schedule.slots.filter(taken=0).first().delete()


def session_entered(visit: Appointment) -> None:
    ScheduleFactory(date=SECOND, doctor=DoctorFactory())


def session_on_another_day(visit: Appointment) -> None:
    Schedule.objects.filter(pk=visit.slot.schedule_id).update(date=FIRST)


@pytest.mark.parametrize(
    "change",
    [
        completed, deleted, booked_later, moved_to_the_day_before, of_another_doctor, booked_before,
        slot_closed, place_added, slot_deleted, session_entered, session_on_another_day,
    ],
)  # fmt: skip
def test_the_figures_are_exact_after_a_late_change(
    superuser: User, visit: Appointment, change: Callable[[Appointment], None]
) -> None:
    before = figures(superuser)
    change(visit)
    after = figures(superuser)
    assert after != before
    SummedDay.objects.sum_days(timezone.now())
    assert not StaleDay.objects.exists()
    assert figures(superuser) == after == counted(superuser)


def test_the_stored_totals_are_those_of_the_visits_and_slots(
    superuser: User, visit: Appointment
) -> None:
    assert DayTotals.objects.count() == 2
    assert figures(superuser) == counted(superuser)


def test_a_day_to_come_leaves_no_note() -> None:
    AppointmentFactory()
    assert not StaleDay.objects.exists()


def test_the_days_of_now_are_counted(superuser: User, visit: Appointment) -> None:
    last = SummedDay.objects.order_by("-pk").values_list("pk", flat=True)[0]
    assert last == timezone.now().date() - timedelta(days=2)


def test_the_triggers_are_there_after_all_migrations() -> None:
    """On SQLite a migration that makes one of the tables anew loses them."""
    names = {
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgname LIKE '%_day_%'",
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_day_%'",
    }
    with connection.cursor() as cursor:
        cursor.execute(names[connection.vendor])
        assert len(cursor.fetchall()) == 7


@pytest.mark.django_db(transaction=True)
def test_a_change_while_a_day_is_summed_makes_it_stale(
    superuser: User, visit: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other desk commits after the rows are read, and before their totals are stored."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer")

    def commit() -> None:
        Appointment.objects.filter(pk=visit.pk).update(status="completed")
        connection.close()

    def changed_meanwhile(first: date, last: date) -> list[DayTotals]:
        found = totals_of(first, last)
        if first <= SECOND <= last:
            other = threading.Thread(target=commit)
            other.start()
            other.join()
        return found

    totals_of = day_totals.totals_of
    Slot.objects.filter(pk=visit.slot_id).update(capacity=5)
    monkeypatch.setattr(day_totals, "totals_of", changed_meanwhile)
    SummedDay.objects.sum_days(timezone.now())
    assert [note.date for note in StaleDay.objects.all()] == [SECOND]
    assert figures(superuser) == counted(superuser)
