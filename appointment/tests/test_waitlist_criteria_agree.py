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
ZONES = ("Europe/Madrid", "Pacific/Auckland", "America/Santiago", "Asia/Kolkata")
# The hour from 02:00 occurs twice in Madrid; the one from 00:00 does not occur in Santiago.
SUNDAYS = (date(2027, 10, 31), date(2027, 9, 5))


def sessions_of(chance: Random, doctors: list[Doctor], sunday: date) -> None:
    """Create sessions at many hours, until midnight too, around a change of the clocks."""
    places = [LocationFactory(time_zone=zone) for zone in ZONES]
    for number in range(12):
        day = sunday + timedelta(days=number // 4 - 1)
        start = time(chance.choice((0, 1, 9, 17, 21, 21)))
        end = time() if start.hour > 20 else time(start.hour + 2, 30)
        span = {"start_time": start, "end_time": end, "slot_minutes": 45 if start.hour > 20 else 50}
        doctor = doctors[number % 3]
        ScheduleFactory(doctor=doctor, location=places[number % 4], date=day, **span)


def criteria_of(
    chance: Random, doctors: list[Doctor], specialty: object, sunday: date
) -> dict[str, object]:
    """Return random criteria that some of the sessions may meet."""
    first = sunday + timedelta(days=chance.randint(-3, 2))
    start, end = sorted(chance.sample(range(24), 2))
    whom = {"doctor": chance.choice(doctors), "specialty": None}
    return {
        **(whom if chance.random() < 0.6 else {"doctor": None, "specialty": specialty}),
        "first_date": first,
        "last_date": first + timedelta(days=chance.randint(0, 3)),
        "weekday_bits": chance.choice((0, 0, 127, chance.randint(1, 126))),
        "start_time": chance.choice((None, time(start), time(start, 50))),
        "end_time": chance.choice((None, time(), time(end), time(end, 40))),
    }


@pytest.mark.parametrize("sunday", SUNDAYS)
def test_every_implementation_of_the_criteria_gives_the_same_matches(sunday: date) -> None:
    chance, specialty = Random(7), SpecialtyFactory()  # a fixed seed
    doctors, patient = [DoctorFactory() for _ in range(3)], PatientFactory()
    doctors[0].specialties.add(specialty)
    sessions_of(chance, doctors, sunday)
    visits = [AppointmentFactory(slot=slot) for slot in Slot.objects.filter(doctor=doctors[1])]
    entries = [
        WaitlistEntryFactory(
            patient=patient,
            replaces=chance.choice((None, None, *visits)),
            **criteria_of(chance, doctors, specialty, sunday),
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
