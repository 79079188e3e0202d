"""Totals of the days that are over, by doctor and site, from which the desk makes its figures.

A day is summed when it is over everywhere. Each later change of a visit, a slot or a
session of a day that is over leaves a StaleDay: triggers insert it in the transaction of the
change, whoever makes it. A day with a StaleDay is counted from its visits and slots until
`sum_days` has summed it again. So the figures are exact at any time, and no booking waits: the rows
of StaleDay are only inserted, and none for a day to come.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Avg, Case, Count, Exists, F, IntegerField, OuterRef, Q, Sum, When
from django.db.models.functions import Coalesce

from appointment.models.appointment import Appointment
from appointment.models.event import HOLDING_STATUSES, Status
from doctor.models import Doctor, Location, Schedule, Slot
from doctor.models.site_staff import SiteQuerySet

A_DAY = timedelta(days=1)
A_MILLISECOND = timedelta(milliseconds=1)
LIVE_DAYS = 2  # today and yesterday, in UTC, which change most, are never summed
MOST_DAYS = 100  # summed by one run of the job; a clinic of years catches up within half an hour
DAYS_AT_ONCE = 25  # in one transaction

# A time that is open offers all its places, those that staff have added included. Of one that is
# closed (leave, an inactive session, hours that have changed) only the places held count.
PLACES = Coalesce(
    Sum(Case(When(is_open=True, then=F("capacity")), default=F("taken"))),
    0,
    output_field=IntegerField(),
)
OF_SLOTS = {
    "places": PLACES,
    "held": Coalesce(Sum("taken"), 0, output_field=IntegerField()),
}
HOLDS = Q(status__in=HOLDING_STATUSES)
OF_VISITS = {
    "booked": Count("pk", filter=HOLDS),
    "done": Count("pk", filter=Q(status=Status.COMPLETED)),
    "no_show": Count("pk", filter=Q(status=Status.NO_SHOW)),
    "canceled": Count("pk", filter=Q(status=Status.CANCELED)),
    "lead": Avg(F("starts_at") - F("created_at"), filter=HOLDS),
}
NUMBERS = ("places", "held", "booked", "done", "no_show", "canceled", "waited")


class SummedDayQuerySet(models.QuerySet[Any]):
    """Which days are summed, and the job that sums them."""

    def current(self) -> "SummedDayQuerySet":
        """Return the summed days that nothing has changed since."""
        return self.filter(~Exists(StaleDay.objects.filter(date=OuterRef("pk"))))

    def sum_days(self, at: datetime, most: int = MOST_DAYS) -> int:
        """Sum the days that are over and not summed, or stale, the latest first; return how many.

        One transaction for each few days. Any number of processes may do it at once.
        """
        days = self._to_sum(at.date() - LIVE_DAYS * A_DAY)[:most]
        for first, last in _spans(days):
            with transaction.atomic():
                self._sum(first, last)
        return len(days)

    def _to_sum(self, last: date) -> list[date]:
        """Return the days to sum, until this last one, the latest first."""
        firsts = [
            rows.order_by("date").values_list("date", flat=True).first()
            for rows in (Schedule.objects, Appointment.objects)
        ]
        first = min(filter(None, firsts), default=None)
        if first is None:
            return []
        summed = set(self.current().values_list("pk", flat=True))
        days = (last - n * A_DAY for n in range((last - first).days + 1))
        return [day for day in days if day not in summed]

    def _sum(self, first: date, last: date) -> None:
        """Sum the days from the first to the last. The caller has opened a transaction.

        The StaleDays are deleted before the rows are read: a change that commits in between leaves
        one that stays, and the day is summed once more.
        """
        days = [SummedDay(date=first + n * A_DAY) for n in range((last - first).days + 1)]
        SummedDay.objects.bulk_create(days, ignore_conflicts=True)
        locked = self.select_for_update().filter(pk__range=(first, last)).order_by("pk")
        list(locked)
        StaleDay.objects.filter(pk__in=list(StaleDay.objects.of(first, last))).delete()
        DayTotals.objects.filter(date__range=(first, last)).delete()
        DayTotals.objects.bulk_create(totals_of(first, last))


class SummedDay(models.Model):
    """A day whose totals are stored."""

    date = models.DateField(primary_key=True)

    objects = SummedDayQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.date}"


class StaleDayQuerySet(models.QuerySet["StaleDay"]):
    """The notes that something of a day that is over has changed."""

    def of(self, first: date, last: date) -> models.QuerySet[Any, Any]:
        """Return the keys of the notes about these days, both included."""
        return self.filter(date__range=(first, last)).values_list("pk", flat=True)


class StaleDay(models.Model):
    """Something of this day has changed; triggers of the database insert the row.

    `change`: the number of the transaction, so that one that changes thousands of rows leaves one
    note a day, and no transaction waits for the note of another; 0 on SQLite, which has one writer.
    """

    date = models.DateField()
    change = models.BigIntegerField()

    objects = StaleDayQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["date", "change"],
                name="appointment_staleday_once_a_change",
                violation_error_code="unique",
                violation_error_message="The change of this day is noted already.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.date} has changed"


class DayTotals(models.Model):
    """The figures of one doctor at one site on one day.

    `waited`: milliseconds from booking to visit, of all booked visits. The keys have no constraint:
    who deletes a doctor deletes the slots before, which makes these days stale.
    """

    date = models.DateField(help_text="At the location.")
    doctor = models.ForeignKey(
        Doctor, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    location = models.ForeignKey(
        Location, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    places = models.IntegerField(default=0)
    held = models.IntegerField(default=0)
    booked = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    no_show = models.IntegerField(default=0)
    canceled = models.IntegerField(default=0)
    waited = models.BigIntegerField(default=0)

    objects = SiteQuerySet["DayTotals"].as_manager()

    class Meta:
        ordering = ("pk",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=["date", "doctor", "location"],
                name="appointment_daytotals_once_a_day",
                violation_error_code="unique",
                violation_error_message="This day of the doctor is summed already.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.date}, doctor {self.doctor_id}, location {self.location_id}"


def _spans(days: list[date]) -> Iterator[tuple[date, date]]:
    """Yield the first and last days of the spans without a gap; the days come the latest first."""
    span: list[date] = []
    for day in days:
        if span and (span[-1] - day != A_DAY or len(span) == DAYS_AT_ONCE):
            yield span[-1], span[0]
            span = []
        span.append(day)
    if span:
        yield span[-1], span[0]


def totals_of(first: date, last: date) -> list[DayTotals]:
    """Return the totals of these days, unsaved, from their slots and visits, in two statements."""
    found: dict[tuple[date, int, int], DayTotals] = defaultdict(DayTotals)
    slots = Slot.objects.of_sessions_on(first, last).annotate(date=F("schedule__date"))
    visits = Appointment.objects.filter(date__range=(first, last))
    for rows, sums in ((slots, OF_SLOTS), (visits, OF_VISITS)):
        for row in sums_by(rows, ("date", "doctor", "location"), **sums):
            key = row.pop("date"), row.pop("doctor"), row.pop("location")
            totals = found[key]
            totals.date, totals.doctor_id, totals.location_id = key
            if lead := row.pop("lead", None):
                totals.waited = round(lead * row["booked"] / A_MILLISECOND)
            for name, number in row.items():
                setattr(totals, name, number)
    return list(found.values())


def sums_by(rows: Any, columns: tuple[str, ...], **sums: Any) -> Iterator[dict[str, Any]]:
    """Yield the sums of the rows with the same values in these columns; one statement."""
    yield from rows.order_by().values(*columns).annotate(**sums)
