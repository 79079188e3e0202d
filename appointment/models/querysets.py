"""Scopes of appointments that read as sentences."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from appointment.models.event import AppointmentEvent
from appointment.models.rebooking import RebookingScopes
from appointment.models.status import CHANGE, HOLDING, LIVE, Status
from doctor.models import Location, Slot
from patient.models import Patient

if TYPE_CHECKING:
    from accounts.models import User
    from appointment.models.appointment import Appointment

AFTERCARE = timedelta(days=30)
TREATING = (Status.SCHEDULED, Status.COMPLETED)


class AppointmentQuerySet(RebookingScopes, models.QuerySet["Appointment"]):
    """Scopes of appointments."""

    def active(self) -> "AppointmentQuerySet":
        """Live: scheduled."""
        return self.filter(status=LIVE)

    def upcoming(self, at: datetime) -> "AppointmentQuerySet":
        """Live and not begun at the instant."""
        return self.active().filter(starts_at__gt=at)

    def holding_a_place(self) -> "AppointmentQuerySet":
        """Those that count in `slot.taken`: all but the canceled."""
        return self.filter(status__in=HOLDING)

    def overlapping(self, starts_at: datetime, ends_at: datetime) -> "AppointmentQuerySet":
        """Those with some time in common; visits that touch do not overlap."""
        return self.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)

    def visible_to(self, user: Any) -> "AppointmentQuerySet":
        """Of all that the user cares for: themselves and their dependents."""
        return self.filter(patient__user=user)

    def concerning(self, user: Any) -> "AppointmentQuerySet":
        """What the user may know of: staff of all, a doctor of theirs, anybody of their own."""
        if user.is_staff_with(CHANGE):
            return self
        return self.filter(Q(patient__user=user) | Q(doctor__user=user, doctor__is_active=True))

    def of_treatment_by(self, user: Any, at: datetime) -> "AppointmentQuerySet":
        """By which an active doctor treats somebody at the instant, and so reads their history.

        To come, under way, or ended within 30 days. One that was canceled, or to which nobody came,
        is none; nor is one that was left scheduled long ago.
        """
        theirs = self.filter(doctor__user=user, doctor__is_active=True)
        return theirs.filter(status__in=TREATING, ends_at__gt=at - AFTERCARE)

    def today(self, at: datetime) -> "AppointmentQuerySet":
        """Those of the day that it is at their location."""
        by_date: dict[date, list[int]] = defaultdict(list)
        for place in Location.objects.only("time_zone"):
            by_date[place.today(at)].append(place.pk)
        days = (Q(location__in=places, date=day) for day, places in by_date.items())
        return self.filter(reduce(or_, days, Q(pk=None)))

    def with_names(self) -> "AppointmentQuerySet":
        """Load the people and the place that an answer names."""
        return self.select_related("doctor", "location", "patient")

    def book_own(
        self,
        user: "User",
        doctor: int,
        slot_id: int | None = None,
        schedule_id: int | None = None,
        patient_id: int | None = None,
        reason: str = "",
    ) -> "Appointment":
        """Book a slot of an active doctor, or a session's earliest free one, for the user.

        Or for their dependent of that id. A profile is made from the account's names where none
        is yet. Raises Slot.DoesNotExist where the doctor has no such slot, Patient.DoesNotExist
        where the user has no such patient, else as `Appointment.book` does.
        """
        from appointment.models.booking import BookAppointment

        slots = Slot.objects.of_active_doctor(doctor).filter(
            **({"pk": slot_id} if schedule_id is None else {"schedule": schedule_id})
        )
        appointment = self.model(reason=reason, booked_by=user)
        booking = BookAppointment(appointment, timezone.now())
        lock_patient = partial(Patient.objects.lock_for, user, patient_id)
        return booking.of(lock_patient, slots, any_of=slot_id is None)

    def lock_slots(self) -> None:
        """Lock the slots of all of these in one statement, as a verb upon several of them must."""
        Slot.objects.filter(pk__in=[pk for (pk,) in self.values_list("slot") if pk]).lock()

    def lock_places_of(self, patients: "list[int]") -> None:
        """Lock what erasing these people gives back, in every verb's order. See `Patient.erase`."""
        from appointment.models.erasure import lock_places_of

        lock_places_of(patients)

    def anonymize_for(self, patient: Patient, by: "User | None", at: datetime) -> None:
        """Cancel what is to come and take the person out of the rest. See `Patient.erase`.

        All slots of their visits and offers are locked first, in one statement, then their entries
        in line, before any of it is touched.
        """
        from appointment.models.erasure import leave_the_line

        self.lock_places_of([patient.pk])
        leave_the_line(patient.pk, at)
        pks = list(self.values_list("pk", flat=True))
        whose = self.select_related("patient", "doctor", "location")
        coming = whose.upcoming(at).select_for_update(no_key=True, of=("self",)).order_by("pk")
        for appointment in coming:  # locked, or one that begins is concluded meanwhile
            appointment.cancel(by=by, at=at, override_reason="The person is erased.")
        theirs = self.model.objects.filter(pk__in=pks)
        AppointmentEvent.objects.blank_free_text(theirs)
        theirs.filter(booked_by=F("patient__user")).update(booked_by=None)
        theirs.update(patient=None, reason="", cancel_reason="")
