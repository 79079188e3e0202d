"""Times proposed at a desk: for 15 minutes no other desk proposes them, and they hold no place."""

from datetime import time, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from appointment import jobs
from appointment.models import Appointment, Proposal
from appointment.models.alternatives import propose_times, work_list_alternatives
from appointment.tests.factories import AppointmentFactory
from doctor.models import Doctor
from doctor.tests.factories import (
    DoctorFactory,
    ScheduleFactory,
    SiteStaffFactory,
    TimeOffFactory,
    day_ahead,
)
from tests.balance import assert_balanced

pytestmark = pytest.mark.django_db


def ill(doctor: Doctor, visits: int = 2, places: int = 6, **later: object) -> list[Appointment]:
    """Return this many visits of a doctor on leave, who has some places on the day after."""
    end = time(9 + visits // 2, visits % 2 * 30)
    day = ScheduleFactory(doctor=doctor, end_time=end)
    hit = [AppointmentFactory(slot=slot) for slot in day.slots.order_by("starts_at")]
    later = {"date": day_ahead(4), "location": day.location, "slot_minutes": 20, **later}
    ScheduleFactory(doctor=doctor, end_time=time(9 + places // 3, places % 3 * 20), **later)
    TimeOffFactory(doctor=doctor)
    return [Appointment.objects.with_names().get(pk=visit.pk) for visit in hit]


def proposed(visit: Appointment, user: User) -> list[int]:
    [found] = work_list_alternatives([visit], timezone.now(), user)
    return [slot["id"] for slot in found.alternatives]


@pytest.mark.both_databases
def test_a_stored_time_is_proposed_for_no_other_visit_by_other_staff(staff: User) -> None:
    first, second = ill(DoctorFactory(), places=3)
    SiteStaffFactory(location=first.location, user=staff)
    elsewhere = ScheduleFactory(doctor=first.doctor, date=day_ahead(5)).location
    colleague = SiteStaffFactory(location=first.location).user
    SiteStaffFactory(location=elsewhere, user=colleague)
    at = timezone.now()
    Appointment.objects.filter(pk=second.pk).update(needs_rebooking=False)
    assert propose_times([first], at, staff) == []
    Appointment.objects.filter(pk=second.pk).update(needs_rebooking=True)
    [mine] = work_list_alternatives([first], at, staff)
    assert len(mine.alternatives) == 3  # all there are at this site
    assert proposed(second, staff) == []
    for_second = proposed(second, colleague)
    assert len(for_second) == 3  # of the other site
    assert not {row["id"] for row in mine.alternatives} & set(for_second)
    with time_machine.travel(at + timedelta(minutes=15, seconds=1), tick=False):
        Appointment.objects.filter(pk=first.pk).update(needs_rebooking=False)
        assert len(proposed(second, staff)) == 3  # they have run out
        assert jobs.delete_old_proposals(timezone.now()) == 3
    assert not Proposal.objects.exists()


@pytest.mark.both_databases
def test_a_desk_that_proposes_at_the_same_moment_does_not_get_the_last_place(staff: User) -> None:
    first, second = ill(DoctorFactory(), places=3)
    at = timezone.now()
    [free] = work_list_alternatives([first], at, staff)
    wanted = free.alternatives
    assert Proposal.objects.store({first.pk: wanted}, at)
    assert not Proposal.objects.store({second.pk: wanted}, at)  # chosen before the first stored
    assert set(Proposal.objects.values_list("visit", flat=True)) == {first.pk}
    later = at + timedelta(minutes=16)
    assert Proposal.objects.store({second.pk: wanted}, later)
    assert set(Proposal.objects.values_list("visit", flat=True)) == {second.pk}


def test_anybody_may_book_a_proposed_time_and_another_is_proposed(staff: User) -> None:
    [visit] = ill(DoctorFactory(), visits=1, places=4)
    propose_times([visit], timezone.now(), staff)
    best, *others = proposed(visit, staff)
    booked = AppointmentFactory.build(slot_id=best, booked_by=None)
    booked.patient = AppointmentFactory().patient
    booked.book()
    assert propose_times([visit], timezone.now(), staff) == [(visit.pk, best)]
    assert proposed(visit, staff)[:2] == others
    assert len(proposed(visit, staff)) == 3
    assert_balanced(booked.slot)


def test_a_slot_of_several_places_is_proposed_as_often_as_it_has_places(staff: User) -> None:
    visits = ill(DoctorFactory(), visits=3, places=3, capacity=2)
    propose_times(visits, timezone.now(), staff)
    for_each = [proposed(visit, staff) for visit in visits]
    assert [len(slots) for slots in for_each] == [2, 2, 2]
    assert Proposal.objects.count() == 6
