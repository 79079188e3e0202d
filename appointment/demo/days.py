"""The demo's calendar: which days it should have, and a day of it."""

from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count

from accounts.models import User
from appointment.demo import people
from appointment.demo.logins import PATIENT, RECEPTION
from appointment.demo.posts import LICENSE, MADRID, POSTS
from doctor.exceptions import ScheduleOverlap
from doctor.models import Doctor, Location, Schedule
from patient.models import Patient

AROUND = timedelta(days=30)


def missing(at: datetime) -> list[date]:
    """The working days around the instant that have no sessions yet, in order.

    A day is made as a whole or not at all, so one on which half of the doctors work has been
    made: a session that staff deletes does not come back, one that they add stands in no way.
    """
    todays = [location.today(at) for location in Location.objects.all()] or [at.date()]
    first, last = min(todays) - AROUND, max(todays) + AROUND
    there = Doctor.objects.filter(license_number__startswith=LICENSE)
    sessions = Schedule.objects.filter(doctor__in=there, date__range=(first, last)).order_by()
    working = sessions.values_list("date").annotate(Count("doctor", distinct=True))
    enough = (there.count() + 1) // 2
    made = {day for day, doctors in working if doctors >= enough}
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5 and day not in made]


@dataclass
class Clinic:
    """Who there is to work and to be seen: loaded once for all days."""

    doctors: list[tuple[Doctor, Location]]
    patients: dict[str, list[Patient]]  # by the name of the location they go to
    own: Patient | None
    reception: User | None

    @classmethod
    def load(cls) -> "Clinic":
        """Find those of the demo's people that there still are."""
        patients = _patients()
        own = patients.pop(0, None)
"""
"""
