"""Functions that make rows and return a verb of the waitlist on them, which the test calls."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.utils import timezone

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import only_visit
from doctor.tests.factories import DoctorFactory, ScheduleFactory
from patient.tests.factories import PatientFactory

Call = Callable[[], object]


def cancel_for_waitlist() -> Call:
    """Return `cancel` of a visit; its place is then offered to an entry."""
    visit = AppointmentFactory()
    WaitlistEntryFactory(doctor=visit.doctor)
    return visit.cancel


def of_a_replaced_visit(verb: str) -> Callable[[], Call]:
    """Return a function that offers a slot to an entry which replaces a visit, and returns a verb.

    It is one of the visit, or `accept` of the entry.
    """

    def prepared() -> Call:
        offered = only_visit()
        later = only_visit(date=offered.date + timedelta(days=3))
        entry = WaitlistEntryFactory(doctor=offered.doctor, patient=later.patient, replaces=later)
        WaitlistEntryFactory(doctor=offered.doctor)
        offered.cancel()
        if verb == "accept":
            return entry.accept
        if verb == "complete":
            type(later).objects.filter(pk=later.pk).update(checked_in_at=timezone.now())
        return partial(getattr(later, verb))

    return prepared


def booking_in_line() -> Call:
    """Return `book` of a patient who is in line for the doctor and has an offer of another slot."""
    offered = only_visit()
    entry = WaitlistEntryFactory(doctor=offered.doctor)
    offered.cancel()
    slot = ScheduleFactory(
        doctor=offered.doctor, date=offered.date + timedelta(days=3)
    ).slots.first()
    return Appointment(patient=entry.patient, slot=slot).book


def ending_an_account() -> Call:
    """Return the end of an account whose patient has an offer."""
    offered = only_visit()
    user = WaitlistEntryFactory(doctor=offered.doctor).patient.user
    offered.cancel()
    return partial(user.revise, is_active=False)


def joining() -> Call:
    """Return `join` of an unsaved entry."""
    return WaitlistEntryFactory.build(doctor=DoctorFactory(), patient=PatientFactory()).join


def of_an_offer(verb: str) -> Callable[[], Call]:
    """Return a function that opens an offer and returns the verb of its entry or patient."""

    def prepared() -> Call:
        visit = only_visit()
        entries = [WaitlistEntryFactory(doctor=visit.doctor) for _ in range(2)]
        visit.cancel()
        who = entries[0].patient if verb == "erase" else entries[0]
        return partial(type(who).__dict__[verb], who)

    return prepared
