from datetime import timedelta
from typing import Any

import factory

from appointment.models import Appointment, WaitlistEntry
from doctor.tests.factories import DoctorFactory, ScheduleFactory, day_ahead
from patient.tests.factories import PatientFactory


class AppointmentFactory(factory.django.DjangoModelFactory):
    """A booked appointment, in a session of its own unless `slot` is given.

    A slot in the past is booked an hour before it begins.
    """

    class Meta:
        model = Appointment

    patient = factory.SubFactory(PatientFactory)
    slot = factory.LazyFunction(lambda: ScheduleFactory().slots.first())  # noqa: PLW0108
    reason = "Check-up"
    booked_by = factory.SelfAttribute("patient.user")

    @classmethod
    def _create(cls, model_class: type[Appointment], *args: Any, **kwargs: Any) -> Appointment:
        appointment = model_class(*args, **kwargs)
        return appointment.book(at=appointment.slot.starts_at - timedelta(hours=1))


class WaitlistEntryFactory(factory.django.DjangoModelFactory):
    """Somebody in line for a doctor, any time from today to a month ahead."""

    class Meta:
        model = WaitlistEntry

    patient = factory.SubFactory(PatientFactory)
    doctor = factory.SubFactory(DoctorFactory)
    first_date = factory.LazyFunction(lambda: day_ahead(0))
    last_date = factory.LazyFunction(lambda: day_ahead(30))
