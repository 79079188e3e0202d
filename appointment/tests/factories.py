from datetime import timedelta
from typing import Any

import factory
from django.db import transaction
from django.db.models import F

from appointment.models import Appointment, AppointmentEvent, WaitlistEntry
from doctor.models import Slot
from doctor.tests.factories import DoctorFactory, ScheduleFactory, day_ahead
from patient.tests.factories import PatientFactory


class AppointmentFactory(factory.django.DjangoModelFactory):
    """A booked appointment, in a new session unless `slot` is given.

    The factory takes the place and inserts the appointment and its event, as `book` would an hour
    before the slot begins. It checks no booking rule, but the database refuses a place beyond the
    capacity.
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
        slot = appointment.slot
        appointment.doctor, appointment.location = slot.doctor, slot.location
        appointment.starts_at, appointment.ends_at = slot.starts_at, slot.ends_at
        appointment.date = slot.starts_at.astimezone(slot.location.zone).date()
        appointment.created_at = slot.starts_at - timedelta(hours=1)
        with transaction.atomic():
            Slot.objects.filter(pk=slot.pk).update(taken=F("taken") + 1)
            appointment.save()
            AppointmentEvent.objects.create(
                appointment=appointment,
                kind=AppointmentEvent.Kind.BOOKED,
                actor=appointment.booked_by,
                by=role_of(appointment),
                at=appointment.created_at,
                to_status=appointment.status,
                to_slot=slot.pk,
            )
        return appointment


def role_of(appointment: Appointment) -> AppointmentEvent.Role:
    """Return the role of the user `booked_by` in the booking, for its event."""
    user = appointment.booked_by
    if user is None:
        return AppointmentEvent.Role.SYSTEM
    if appointment.patient and appointment.patient.user_id == user.pk:
        return AppointmentEvent.Role.PATIENT
    is_doctor = appointment.doctor.user_id == user.pk
    return AppointmentEvent.Role.DOCTOR if is_doctor else AppointmentEvent.Role.STAFF


class WaitlistEntryFactory(factory.django.DjangoModelFactory):
    """A waitlist entry for a doctor, at any time from today to 30 days ahead."""

    class Meta:
        model = WaitlistEntry

    patient = factory.SubFactory(PatientFactory)
    doctor = factory.SubFactory(DoctorFactory)
    first_date = factory.LazyFunction(lambda: day_ahead(0))
    last_date = factory.LazyFunction(lambda: day_ahead(30))
