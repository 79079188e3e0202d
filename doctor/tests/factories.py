from datetime import date, time, timedelta
from typing import Any

import factory
from django.utils import timezone

from doctor.models import Doctor, Language, Location, Schedule, Specialty, WeeklyHours


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


class DoctorFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Doctor

    title = "Dr."
    first_name = "Elena"
    last_name = factory.Sequence(lambda n: f"García {n}")
    license_number = factory.Sequence(lambda n: f"LIC-{n}")


def day_ahead(days: int = 3) -> date:
    """A date some days from now."""
    return (timezone.now() + timedelta(days=days)).date()


class ScheduleFactory(factory.django.DjangoModelFactory):
    """A published session: by default three days ahead, 09:00 to 11:00, four slots of one place."""

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
        schedule.publish()
        return schedule


class WeeklyHoursFactory(factory.django.DjangoModelFactory):
    """Published hours: by default from today, this weekday, 09:00 to 11:00, four slots of one."""

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
