"""The alternative slots of visits that cannot take place."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.tests.factories import SuperuserFactory
from appointment.models import Appointment
from appointment.models.alternatives import AffectedAppointment, with_alternatives
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor, Schedule, Slot, TimeOff
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    SpecialtyFactory,
    TimeOffFactory,
    day_ahead,
)
from patient.tests.factories import PatientFactory
from tests.statements import counted_statements

pytestmark = pytest.mark.django_db

BOSS = SuperuserFactory.build()  # sees all sites
TEN = {"start_time": time(10), "end_time": time(11)}


@pytest.fixture
def doctor() -> Doctor:
    doctor: Doctor = DoctorFactory()
    doctor.specialties.add(SpecialtyFactory())
    return doctor


def peer_of(doctor: Doctor) -> Doctor:
    """Return another doctor with the same specialties."""
    peer: Doctor = DoctorFactory()
    peer.specialties.set(doctor.specialties.all())
    return peer


def session(doctor: Doctor, days: int = 3, **more: Any) -> Schedule:
    schedule: Schedule = ScheduleFactory(doctor=doctor, date=day_ahead(days), **more)
    return schedule


def hit(*visits: Appointment, away: bool = True, **more: Any) -> list[AffectedAppointment]:
    """Put the doctors on leave if `away`, and return the visits with their alternatives."""
    for doctor in {visit.doctor for visit in visits} if away else ():
        TimeOffFactory(doctor=doctor)
    rows = Appointment.objects.with_names().filter(pk__in=[visit.pk for visit in visits])
    return with_alternatives(rows.order_by("starts_at", "pk"), timezone.now(), user=BOSS, **more)


def proposed(line: AffectedAppointment) -> list[int]:
    return [slot["id"] for slot in line.alternatives]


def keys(schedule: Schedule) -> list[int]:
    return list(schedule.slots.order_by("starts_at").values_list("pk", flat=True))


def test_the_nearest_after_the_visit_come_first_then_earlier_ones(doctor: Doctor) -> None:
    before, after = session(doctor, 2), session(doctor, 4, **TEN)
    visit = AppointmentFactory(slot=session(doctor).slots.first())
    [line] = hit(visit)
    assert proposed(line) == [*keys(after), keys(before)[-1]]


def test_the_same_doctor_comes_before_one_of_the_same_specialty(doctor: Doctor) -> None:
    later = session(doctor, 9, **TEN)
    sooner = session(peer_of(doctor), 3)
    session(DoctorFactory(), 3)
    visit = AppointmentFactory(slot=session(doctor).slots.first())
    [line] = hit(visit)
    assert proposed(line) == [*keys(later), keys(sooner)[0]]
    assert [slot["doctor"] for slot in line.alternatives][-1] == sooner.doctor_id


def test_a_doctor_of_no_specialty_has_no_peers() -> None:
    session(DoctorFactory())
    visit = AppointmentFactory(slot=session(DoctorFactory()).slots.first())
    assert [proposed(line) for line in hit(visit)] == [[]]


def test_alternatives_are_shown_as_free_slots_are(doctor: Doctor) -> None:
    after = session(doctor, 4, capacity=3)
    visit = AppointmentFactory(slot=session(doctor).slots.first())
    [line] = hit(visit)
    slots = Slot.objects.filter(schedule=after).order_by("starts_at")
    assert line.alternatives == slots[:3].to_list(timezone.now(), "doctor")
    assert line.id == visit.pk


def test_only_slots_that_the_public_can_book_are_proposed(doctor: Doctor) -> None:
    soon = LocationFactory(min_notice_minutes=60 * 24 * 30)
    far = LocationFactory(horizon_days=1)
    session(doctor, 4, location=soon)
    session(doctor, 5, location=far)
    session(doctor, 6, is_active=False)
    full = session(doctor, 7, slot_minutes=None)
    AppointmentFactory(slot=full.slots.get())
    visit = AppointmentFactory(slot=session(doctor).slots.first())
    assert [proposed(line) for line in hit(visit)] == [[]]


def test_a_slot_that_overlaps_another_visit_of_the_patient_is_not_proposed(doctor: Doctor) -> None:
    after = session(doctor, 4)
    visit = AppointmentFactory(slot=session(doctor).slots.first())
    same_time = session(DoctorFactory(), 4).slots.order_by("starts_at")
    AppointmentFactory(slot=same_time[1], patient=visit.patient)
    AppointmentFactory(slot=same_time[2], patient=visit.patient).cancel()
    [line] = hit(visit)
    first, _, third, fourth = keys(after)
    assert proposed(line) == [first, third, fourth]


def test_a_slot_that_overlaps_only_the_visit_itself_is_proposed(doctor: Doctor) -> None:
    same_time = session(peer_of(doctor), 3)
    visit = AppointmentFactory(slot=session(doctor).slots.first())
    [line] = hit(visit)
    assert proposed(line)[0] == keys(same_time)[0]


def test_nothing_inside_the_leave_that_is_previewed_is_proposed(doctor: Doctor) -> None:
    on, after = session(doctor, 3), session(doctor, 5)
    visit = AppointmentFactory(slot=on.slots.first())
    [line] = hit(visit, away=False)
    assert proposed(line) == keys(on)[1:]
    start = timezone.now()
    leave = TimeOff(doctor=doctor, starts_at=start, ends_at=start + timedelta(days=4))
    [line] = hit(visit, away=False, planned_leave=leave)
    assert proposed(line) == keys(after)[:3]
    closure = TimeOff(location=after.location, starts_at=start, ends_at=start + timedelta(days=9))
    [line] = hit(visit, away=False, planned_leave=closure)
    assert proposed(line) == keys(on)[1:]


def test_alternatives_are_spread_over_the_patients(doctor: Doctor) -> None:
    """Each visit gets one slot before any gets a second, and no slot is proposed twice."""
    day = session(doctor)
    visits = [AppointmentFactory(slot=slot) for slot in day.slots.all()]
    after = session(doctor, 4, start_time=time(9), end_time=time(15))
    lines = hit(*visits)
    given = [proposed(line) for line in lines]
    assert [slots[0] for slots in given] == keys(after)[:4]
    assert sorted(pk for slots in given for pk in slots) == sorted(keys(after))


def test_a_slot_is_proposed_as_often_as_it_has_places(doctor: Doctor) -> None:
    visits = [AppointmentFactory(slot=slot) for slot in session(doctor).slots.all()]
    after = session(doctor, 4, capacity=3)
    counted = Counter(pk for line in hit(*visits) for pk in proposed(line))
    assert counted == dict.fromkeys(keys(after), 3)


def test_no_place_is_proposed_to_two_patients(doctor: Doctor) -> None:
    """The soonest visits get the places that there are; the others have no alternative."""
    slots = session(doctor, start_time=time(9), end_time=time(14)).slots.order_by("starts_at")
    visits = [AppointmentFactory(slot=slot, patient=PatientFactory()) for slot in slots[:9]]
    after = session(doctor, 4, **TEN)
    lines = hit(*visits)
    assert [proposed(line) for line in lines] == [*([pk] for pk in keys(after)), *[[]] * 7]


def test_nothing_is_proposed_twice_to_one_patient(doctor: Doctor) -> None:
    session(doctor, 4, slot_minutes=None, capacity=9)
    visit = AppointmentFactory(slot=session(doctor).slots.first())
    assert [len(line.alternatives) for line in hit(visit)] == [1]


def test_an_empty_list_of_visits_has_no_alternatives() -> None:
    with counted_statements() as found:
        assert with_alternatives([], timezone.now(), user=BOSS) == []
    assert len(found) == 0


def test_eight_visits_cost_the_same_number_of_statements_as_one() -> None:
    taken = []
    for number in (1, 8):
        visits = []
        for _ in range(number):
            doctor = DoctorFactory()
            doctor.specialties.add(SpecialtyFactory())
            session(doctor, 4, **TEN)
            session(peer_of(doctor), 4, **TEN)
            visits.append(AppointmentFactory(slot=session(doctor).slots.first()))
            TimeOffFactory(doctor=doctor)
        rows = list(Appointment.objects.filter(pk__in=[visit.pk for visit in visits]))
        with counted_statements() as found:
            lines = with_alternatives(rows, timezone.now(), user=BOSS)
        assert {len(line.alternatives) for line in lines} == {3}
        taken.append(len(found))
    assert taken[0] == taken[1] <= 8


@pytest.mark.parametrize(
    ("day", "first"),
    [(date(2027, 3, 27), "Europe/Madrid"), (date(2027, 10, 30), "America/New_York")],
)
def test_nearness_is_elapsed_time_when_the_clocks_change(day: date, first: str) -> None:
    """The clocks change only in Madrid in the night after `day`, which decides the nearer slot."""
    doctor, next_day = DoctorFactory(), day + timedelta(days=1)
    with time_machine.travel(datetime.combine(day - timedelta(days=2), time(12), UTC)):
        visit = AppointmentFactory(slot=ScheduleFactory(doctor=doctor, date=day).slots.first())
        for zone, start, end in (
            ("Europe/Madrid", time(14), time(14, 30)),
            ("America/New_York", time(8, 30), time(9)),
        ):
            place = LocationFactory(time_zone=zone)
            where = {"doctor": doctor, "location": place, "date": next_day}
            ScheduleFactory(**where, start_time=start, end_time=end)
        TimeOffFactory(doctor=doctor, starts_at=visit.starts_at)
        [line] = hit(visit, away=False)
    zones = [slot["time_zone"] for slot in line.alternatives]
    assert (zones[0], len(zones)) == (first, 2)
