"""The waitlist criteria agree as a query of slots, as a query of entries and in Python."""

from datetime import date, time, timedelta
from random import Random

import pytest

from appointment.models import WaitlistEntry
from appointment.models.waitlist_matching import WaitlistCriteria
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Doctor, Location, Slot
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, SpecialtyFactory
from patient.tests.factories import PatientFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
ZONES = ("Europe/Madrid", "Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata")
SUNDAY_OF_THE_FOLD = date(2027, 10, 31)  # the hour from 02:00 to 03:00 occurs twice in Madrid


def sessions_of(chance: Random, doctors: list[Doctor]) -> None:
    """Create sessions at many hours around a change of the clocks."""
    places = [LocationFactory(time_zone=zone) for zone in ZONES]
    for number in range(12):
        day = SUNDAY_OF_THE_FOLD + timedelta(days=number % 4 - 2)
        start = time(chance.choice((0, 1, 4, 9, 17, 21)))
        span = {"start_time": start, "end_time": time(start.hour + 2, 30), "slot_minutes": 50}
        doctor = doctors[number // 4]
        ScheduleFactory(doctor=doctor, location=places[number % 4], date=day, **span)


def criteria_of(chance: Random, doctors: list[Doctor], specialty: object) -> dict[str, object]:
    """Return random criteria that some of the sessions may meet."""
    first = SUNDAY_OF_THE_FOLD + timedelta(days=chance.randint(-3, 2))
    start, end = sorted(chance.sample(range(24), 2))
    whom = {"doctor": chance.choice(doctors), "specialty": None}
    return {
        **(whom if chance.random() < 0.6 else {"doctor": None, "specialty": specialty}),
        "first_date": first,
        "last_date": first + timedelta(days=chance.randint(0, 3)),
        "weekday_bits": chance.choice((0, 0, 127, chance.randint(1, 126))),
        "start_time": chance.choice((None, time(start), time(start, 50))),
        "end_time": chance.choice((None, time(end), time(end, 40))),
    }


def test_every_implementation_of_the_criteria_gives_the_same_matches() -> None:
    chance, specialty = Random(7), SpecialtyFactory()  # a fixed seed
    doctors, patient = [DoctorFactory() for _ in range(3)], PatientFactory()
    doctors[0].specialties.add(specialty)
    sessions_of(chance, doctors)
    visits = [AppointmentFactory(slot=slot) for slot in Slot.objects.filter(doctor=doctors[1])]
    entries = [
        WaitlistEntryFactory(
            patient=patient,
            replaces=chance.choice((None, None, *visits)),
            **criteria_of(chance, doctors, specialty),
        )
        for _ in range(80)
    ]
    places, met = list(Location.objects.all()), 0
    slots = list(Slot.objects.select_related("location"))
    by_slot = {
        s: set(WaitlistEntry.objects.matching(s).values_list("pk", flat=True)) for s in slots
    }
    for entry in entries:
        criteria = WaitlistCriteria.of(entry)
        found = set(criteria.slots(places))
        mine = {doctors[0].pk} if entry.specialty else {entry.doctor_id}
        for slot in slots:
            zone = slot.location.zone
            clocks = slot.starts_at.astimezone(zone), slot.ends_at.astimezone(zone)
            reported = slot.doctor_id in mine and criteria.matches(*clocks)
            assert (slot in found, entry.pk in by_slot[slot]) == (reported, reported), (
                criteria,
                slot,
            )
            met += reported
    assert met > 20
