"""The demo's calendar: which days it lacks, and the sessions of a day."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Count

from appointment.demo.posts import LICENSE, POSTS
from doctor.exceptions import ScheduleOverlap
from doctor.models import Doctor, Location, Schedule, WeeklyHours


def around() -> timedelta:
    """How far before and after today the calendars reach."""
    return timedelta(days=settings.DEMO_DAYS)


def missing(at: datetime) -> list[date]:
    """The working days around the instant on which nobody works yet, in order.

    A day is made as a whole or not at all, so one on which half of the doctors work was made:
    a session that staff deleted does not come back, and one that they added stands in no way.
    """
    todays = [location.today(at) for location in Location.objects.all()] or [at.date()]
    first, last = min(todays) - around(), max(todays) + around()
    doctors = Doctor.objects.filter(license_number__startswith=LICENSE)
    sessions = Schedule.objects.filter(doctor__in=doctors, date__range=(first, last)).order_by()
    working = sessions.values_list("date").annotate(Count("doctor", distinct=True))
    half = (doctors.count() + 1) // 2
    made = {day for day, number in working if number >= half}
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5 and day not in made]


def publish(day: date) -> list[Schedule]:
    """Publish a session of every doctor who has none on the day yet.

    Returns the new ones, and those that weekly hours have made.
    """
    busy = set(Schedule.objects.filter(date=day).values_list("doctor", flat=True))
    of_hours = Schedule.objects.active().filter(date=day, weekly_hours__isnull=False)
    sessions = [session for session in _sessions(day) if session.doctor_id not in busy]
    published = list(of_hours.select_related("doctor", "location"))
    for session in sessions:
        with suppress(ScheduleOverlap):
            session.publish()
            published.append(session)
    return published


def keep_hours(at: datetime) -> int:
    """Enter the hours of those who keep weekly ones and have none yet; how many rules that is.

    The sessions of hours entered on an earlier day are made as far ahead as those of today's.
    """
    entered = 0
    for post in (post for post in POSTS if post.is_weekly):
        doctor = Doctor.objects.filter(license_number=post.license_number).first()
        location = Location.objects.filter(name=post.clinic.name).first()
        if doctor and location and not WeeklyHours.objects.filter(doctor=doctor).exists():
            for weekday in range(5):
                hours = {"weekday": weekday, "valid_from": location.today(at), **asdict(post.hours)}
                WeeklyHours(doctor=doctor, location=location, **hours).publish(at=at)
                entered += 1
        elif doctor:
            WeeklyHours.objects.extend(doctor.pk, settings.HOURS_AHEAD_DAYS, at)
    return entered


def _sessions(day: date) -> Iterator[Schedule]:
    """A session for each post whose doctor and location there still are."""
    locations = {location.name: location for location in Location.objects.all()}
    doctors = {doctor.license_number: doctor for doctor in Doctor.objects.all()}
    for post in POSTS:
        doctor, location = doctors.get(post.license_number), locations.get(post.clinic.name)
        if doctor and location:
            yield Schedule(doctor=doctor, location=location, date=day, **asdict(post.hours))
