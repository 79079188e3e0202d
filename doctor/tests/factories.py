from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import factory
from django.db.models import Q
from django.utils import timezone

from accounts.tests.factories import StaffFactory
from doctor.models import (
    Doctor,
    Language,
    Location,
    Schedule,
    SiteStaff,
    Slot,
    Specialty,
    TimeOff,
    WeeklyHours,
)


class SpecialtyFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Specialty

    name = factory.Sequence(lambda n: f"Specialty {n}")
    code = "394579002"


class LanguageFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Language

    tag = factory.Sequence(lambda n: f"qaa-{n:04}")
    name = factory.Sequence(lambda n: f"Language {n}")


class LocationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Location

    name = factory.Sequence(lambda n: f"Clinic {n}")
    time_zone = "Europe/Madrid"


class SiteStaffFactory(factory.django.DjangoModelFactory):
    """A member of staff of one site. The first row restricts all staff to their sites."""

    class Meta:
        model = SiteStaff

    user = factory.SubFactory(StaffFactory)
    location = factory.SubFactory(LocationFactory)


class DoctorFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Doctor

    title = "Dr."
    first_name = "Elena"
    last_name = factory.Sequence(lambda n: f"García {n}")
    license_number = factory.Sequence(lambda n: f"LIC-{n}")


def day_ahead(days: int = 3) -> date:
    """Return the date (UTC) this many days from now; a negative number is in the past."""
    return (timezone.now() + timedelta(days=days)).date()


class ScheduleFactory(factory.django.DjangoModelFactory):
    """A session with slots, by default three days ahead, 09:00 to 11:00: four of one place each.

    The factory itself inserts the rows that `Schedule.publish` would write. It does not look for
    overlaps and sends no signal.
    """

    class Meta:
        model = Schedule

    doctor = factory.SubFactory(DoctorFactory)
    location = factory.SubFactory(LocationFactory)
    date = factory.LazyFunction(day_ahead)
    start_time = time(9)
    end_time = time(11)
    slot_minutes = 30
    capacity = 1

    @classmethod
    def _create(cls, model_class: type[Schedule], *args: Any, **kwargs: Any) -> Schedule:
        schedule = model_class(*args, **kwargs)
        schedule.clean_fields(exclude=["doctor", "location"])  # converts a time given as text
        schedule.save()
        Slot.objects.bulk_create(open_slots_of(schedule))
        return schedule


def open_slots_of(schedule: Schedule) -> list[Slot]:
    """Return the unsaved slots of a session, open or closed as `Schedule.publish` would store them.

    A slot is closed by leave, an inactive session, and a doctor who is inactive or accepts no
    patients.
    """
    doctor = schedule.doctor
    row = {"schedule": schedule, "doctor": doctor, "location": schedule.location}
    slots = [
        Slot(**row, starts_at=start, ends_at=end, capacity=schedule.capacity)
        for start, end in schedule.spans()
    ]
    is_open = schedule.is_active and doctor.is_active and doctor.accepts_patients
    whose = Q(doctor=doctor) | Q(location=schedule.location)
    leaves = list(TimeOff.objects.filter(whose).values_list("starts_at", "ends_at"))
    for slot in slots:
        on_leave = any(start < slot.ends_at and slot.starts_at < end for start, end in leaves)
        slot.is_open = is_open and not on_leave
    return slots


class PublishedScheduleFactory(ScheduleFactory):
    """The session of ScheduleFactory, saved by `Schedule.publish`, with its checks and signals."""

    @classmethod
    def _create(cls, model_class: type[Schedule], *args: Any, **kwargs: Any) -> Schedule:
        schedule = model_class(*args, **kwargs)
        schedule.publish()
        return schedule


class WeeklyHoursFactory(factory.django.DjangoModelFactory):
    """Published weekly hours with their sessions: 09:00 to 11:00 on the weekday of `valid_from`.

    By default they begin today (UTC), and each session has four slots of one place.
    """

    class Meta:
        model = WeeklyHours

    doctor = factory.SubFactory(DoctorFactory)
    location = factory.SubFactory(LocationFactory)
    valid_from = factory.LazyFunction(lambda: timezone.now().date())
    weekday = factory.LazyAttribute(lambda hours: hours.valid_from.weekday())
    start_time = time(9)
    end_time = time(11)
    slot_minutes = 30
    capacity = 1

    @classmethod
    def _create(cls, model_class: type[WeeklyHours], *args: Any, **kwargs: Any) -> WeeklyHours:
        hours = model_class(*args, **kwargs)
        hours.publish()
        return hours


class TimeOffFactory(factory.django.DjangoModelFactory):
    """Published leave: of a doctor, or of `location` if given, three days ahead, all day (UTC)."""

    class Meta:
        model = TimeOff

    doctor = factory.Maybe("location", None, factory.SubFactory(DoctorFactory))
    location = None
    starts_at = factory.LazyFunction(lambda: datetime.combine(day_ahead(), time(), UTC))
    ends_at = factory.LazyAttribute(lambda leave: leave.starts_at + timedelta(days=1))
    reason = "Training"

    @classmethod
    def _create(cls, model_class: type[TimeOff], *args: Any, **kwargs: Any) -> TimeOff:
        time_off = model_class(*args, **kwargs)
        time_off.publish()
        return time_off
