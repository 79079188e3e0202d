"""The sessions of the demo's doctors, on the days around today."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Count

from appointment.demo.directory import DOCTORS, LICENSE_PREFIX
from doctor.exceptions import ScheduleOverlap
from doctor.models import Doctor, Location, Schedule, WeeklyHours


def days_around() -> timedelta:
    """Return how far before and after today the sessions reach."""
    return timedelta(days=settings.DEMO_DAYS)


def missing_dates(at: datetime) -> list[date]:
    """Return the working days around the instant that have no demo sessions yet, in order.

    One transaction makes all sessions of a date. So a date on which at least half of the doctors
    have sessions was made before: a session that staff have deleted does not come back.
    """
    todays = [location.today(at) for location in Location.objects.all()] or [at.date()]
    first, last = min(todays) - days_around(), max(todays) + days_around()
    doctors = Doctor.objects.filter(license_number__startswith=LICENSE_PREFIX)
    sessions = Schedule.objects.filter(doctor__in=doctors, date__range=(first, last)).order_by()
    working = sessions.values_list("date").annotate(Count("doctor", distinct=True))
    half = (doctors.count() + 1) // 2
    made = {day for day, number in working if number >= half}
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5 and day not in made]


def publish_sessions(day: date) -> list[Schedule]:
    """Publish a session for each doctor without one on the date.

    Returns the new sessions and those of weekly hours.
    """
    busy = set(Schedule.objects.filter(date=day).values_list("doctor", flat=True))
    generated = Schedule.objects.active().filter(date=day, weekly_hours__isnull=False)
    sessions = [session for session in _sessions(day) if session.doctor_id not in busy]
    published = list(generated.select_related("doctor", "location"))
    for session in sessions:
        with suppress(ScheduleOverlap):
            session.publish()
            published.append(session)
    return published


def publish_weekly_hours(at: datetime) -> int:
    """Publish weekly hours for doctors with `has_weekly_hours` who have none; returns how many.

    For those who have some, generates the missing sessions of the days ahead.
    """
    published = 0
    for each in (each for each in DOCTORS if each.has_weekly_hours):
        doctor = Doctor.objects.filter(license_number=each.license_number).first()
        location = Location.objects.filter(name=each.location.name).first()
        if doctor and location and not WeeklyHours.objects.filter(doctor=doctor).exists():
            for weekday in range(5):
                hours = {"weekday": weekday, "valid_from": location.today(at), **asdict(each.hours)}
                WeeklyHours(doctor=doctor, location=location, **hours).publish(at=at)
                published += 1
        elif doctor:
            WeeklyHours.objects.extend(doctor.pk, settings.HOURS_AHEAD_DAYS, at)
    return published


def _sessions(day: date) -> Iterator[Schedule]:
    """Yield an unsaved session for each demo doctor who still exists, at an existing location."""
    locations = {location.name: location for location in Location.objects.all()}
    doctors = {doctor.license_number: doctor for doctor in Doctor.objects.all()}
    for each in DOCTORS:
        doctor, location = doctors.get(each.license_number), locations.get(each.location.name)
        if doctor and location:
            yield Schedule(doctor=doctor, location=location, date=day, **asdict(each.hours))
