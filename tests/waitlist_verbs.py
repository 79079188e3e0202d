"""Functions that make rows and return a verb of the waitlist on them, which the test calls."""

from collections.abc import Callable
from functools import partial

from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.waitlist import only_visit
from doctor.tests.factories import DoctorFactory
from patient.tests.factories import PatientFactory

Call = Callable[[], object]


def cancel_for_waitlist() -> Call:
    """Return `cancel` of a visit; its place is then offered to an entry."""
    visit = AppointmentFactory()
    WaitlistEntryFactory(doctor=visit.doctor)
    return visit.cancel


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
