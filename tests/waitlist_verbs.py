"""Verbs of the waitlist, ready to be called: each function prepares one."""

from collections.abc import Callable
from functools import partial

from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import only_visit
from doctor.tests.factories import DoctorFactory
from patient.tests.factories import PatientFactory

Call = Callable[[], object]


def cancel_for_waitlist() -> Call:
    visit = AppointmentFactory()
    WaitlistEntryFactory(doctor=visit.doctor)
    return visit.cancel


def joining() -> Call:
    return WaitlistEntryFactory.build(doctor=DoctorFactory(), patient=PatientFactory()).join


def of_an_offer(verb: str) -> Callable[[], Call]:
    def prepared() -> Call:
        visit = only_visit()
        entries = [WaitlistEntryFactory(doctor=visit.doctor) for _ in range(2)]
        visit.cancel()
        who = entries[0].patient if verb == "erase" else entries[0]
        return partial(type(who).__dict__[verb], who)

    return prepared
