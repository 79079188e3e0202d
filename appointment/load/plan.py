"""How many visits each day of the load data has."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp

from django.core.exceptions import ValidationError

from doctor.wall_time import FIRST_DATE

DAYS_AHEAD = 90
CANCELED_SHARE = 0.12  # of visits
VISITS_PER_PLACE = 0.91  # of past days: with the canceled ones, 80 % of the places are taken
FADING_DAYS = 25  # the farther ahead, the fewer visits are booked
MOST_AHEAD = 0.2  # of all visits, for a small load


@dataclass(frozen=True)
class Day:
    """A day of the load data. `kept` of its visits hold a place, `canceled` do not."""

    date: date
    kept: int
    canceled: int


@dataclass(frozen=True)
class Plan:
    """The days of the load data, around today: together they have exactly `visits` visits.

    `places`: the places of a day, by weekday.
    """

    visits: int
    places: list[int]
    today: date

    def days(self) -> Iterator[Day]:
        """Yield the days, the first one first. Raises ValidationError if they are too many."""
        rates = self._rates()
        scale = self.visits / sum(rates.values())
        total, planned = 0.0, 0
        for day, rate in rates.items():
            total += rate * scale
            visits = round(total) - planned
            planned += visits
            canceled = max(round(visits * CANCELED_SHARE), visits - self.places[day.weekday()])
            yield Day(day, visits - canceled, canceled)

    def _rates(self) -> dict[date, float]:
        """Return how many visits each day has about, from the first day to the last."""
        ahead = {
            day: self._rate(day, exp(-number / FADING_DAYS))
            for number in range(DAYS_AHEAD)
            for day in [self.today + timedelta(days=number)]
        }
        shrink = min(1.0, MOST_AHEAD * self.visits / sum(ahead.values()))
        wanted = self.visits - shrink * sum(ahead.values())
        past: dict[date, float] = {}
        day = self.today
        while wanted > 0:
            day -= timedelta(days=1)
            if day < FIRST_DATE:
                raise ValidationError(f"So many visits reach back before {FIRST_DATE:%Y}.")
            past[day] = self._rate(day)
            wanted -= past[day]
        return dict(reversed(past.items())) | {day: shrink * rate for day, rate in ahead.items()}

    def _rate(self, day: date, share: float = 1.0) -> float:
        return VISITS_PER_PLACE * self.places[day.weekday()] * share
