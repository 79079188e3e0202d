"""All weekly hours of a doctor at a location are changed at once, from a date on."""

from datetime import date, time, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from appointment.models import Appointment
from appointment.tests.factories import AppointmentFactory
from doctor.exceptions import HoursInUse
from doctor.models import TimeOff, WeeklyHours
from doctor.models.week import Week, WeekPlan, WeekSession, stamp_of, standing_on
from doctor.tests.factories import LocationFactory, WeeklyHoursFactory
from doctor.tests.monday_hours import MONDAY, SECOND, THIRD, slot_times_on, stored_rows
from tests.balance import assert_balanced
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("monday_morning")]

A_DAY = timedelta(days=1)
TOMORROW = MONDAY + A_DAY


def session(
    start: int, end: int, weekday: int = 0, minutes: int = 30, places: int = 2
) -> WeekSession:
    return WeekSession(weekday, time(start), time(end), minutes, places)


def change(hours: WeeklyHours, first: date, *wanted: WeekSession, **how: Any) -> Any:
    week = Week(hours.doctor, hours.location)
    return week.change(first, wanted, at=timezone.now(), **how)


def test_a_later_date_leaves_every_row_before_it_and_hours_that_stay_alone(
    hours: WeeklyHours,
) -> None:
    tuesday = WeeklyHoursFactory(doctor=hours.doctor, location=hours.location, weekday=1)
    alone = [row for row in stored_rows()[0] if row["id"] == tuesday.pk]
    stays = WeekSession.of(tuesday)
    change(hours, SECOND, session(9, 10), session(14, 15), stays)
    assert slot_times_on(MONDAY) == ["09:00", "09:30", "10:00", "10:30"]
    assert slot_times_on(SECOND) == slot_times_on(THIRD) == ["09:00", "09:30", "14:00", "14:30"]
    hours.refresh_from_db()
    assert hours.valid_until == SECOND - A_DAY
    assert [row for row in stored_rows()[0] if row["id"] == tuesday.pk] == alone
    assert slot_times_on(TOMORROW) == ["09:00", "09:30", "10:00", "10:30"]


def test_lunch_cut_out_of_hours_leaves_the_visits_on_both_sides_where_they_are(
    hours: WeeklyHours,
) -> None:
    change(hours, TOMORROW, session(9, 17))
    slots = {f"{slot.starts_at:%H}": slot for slot in hours.schedules.get(date=SECOND).slots.all()}
    morning, noon, afternoon = (AppointmentFactory(slot=slots[at]) for at in ("09", "12", "15"))
    wanted = session(9, 13), session(14, 17)
    with pytest.raises(HoursInUse) as refused:
        change(hours, TOMORROW, *wanted)
    assert refused.value.extra["appointments"] == [noon.pk]
    made = change(hours, TOMORROW, *wanted, keep=True)
    assert made.appointments == [noon.pk]
    for visit, flagged in ((morning, False), (noon, True), (afternoon, False)):
        visit.refresh_from_db()
        assert visit.needs_rebooking is flagged, visit.starts_at
        assert_balanced(visit.slot)
    assert slot_times_on(SECOND).count("(13:30)") == 1
    assert "15:30" in slot_times_on(SECOND)


def test_a_preview_counts_what_the_change_does_and_writes_nothing(booked: Appointment) -> None:
    [hours] = WeeklyHours.objects.all()
    before = stored_rows()
    week, wanted = Week(hours.doctor, hours.location), [session(10, 11), session(9, 10, weekday=2)]
    told = week.preview(TOMORROW, wanted, at=timezone.now())
    assert stored_rows() == before
    counts = told.sessions_removed, told.sessions_changed, told.sessions_added
    assert (counts, told.appointments) == ((0, 2, 2), [booked.pk])
    assert told.sentences == [
        "Monday 09:00-11:00 becomes 10:00-11:00, 30 minutes a visit, 2 at a time.",
        "Wednesday 09:00-10:00 is new: 30 minutes a visit, 2 at a time.",
    ]


def test_a_new_session_ends_before_later_hours_take_its_time(hours: WeeklyHours) -> None:
    change(hours, THIRD, session(14, 16))
    week = Week(hours.doctor, hours.location)
    told = week.preview(TOMORROW, [session(15, 17)], at=timezone.now())
    assert "until Sun 24 Jan 2027, as other hours begin then." in told.sentences[1]
    change(hours, TOMORROW, session(15, 17))
    assert slot_times_on(SECOND) == ["15:00", "15:30", "16:00", "16:30"]
    assert slot_times_on(THIRD) == ["14:00", "14:30", "15:00", "15:30"]


def test_hours_that_end_before_they_begin_are_deleted(hours: WeeklyHours) -> None:
    change(hours, SECOND, session(9, 10))
    version = WeeklyHours.objects.exclude(pk=hours.pk).get()
    change(hours, SECOND)
    assert not WeeklyHours.objects.filter(pk=version.pk).exists()
    assert slot_times_on(SECOND) == []
    assert slot_times_on(MONDAY) != []


def test_hours_of_every_second_week_stay_and_others_change_around_them(hours: WeeklyHours) -> None:
    other = {"doctor": hours.doctor, "location": hours.location, "weekday": 3, "every_weeks": 2}
    kept = WeeklyHoursFactory(**other)
    before = WeeklyHours.objects.filter(pk=kept.pk).values().get()
    change(hours, SECOND, session(9, 11))
    assert WeeklyHours.objects.filter(pk=kept.pk).values().get() == before


def test_a_page_that_shows_other_hours_than_stand_saves_nothing(hours: WeeklyHours) -> None:
    seen = stamp_of(standing_on([hours], TOMORROW))
    change(hours, TOMORROW, session(9, 10), seen=seen)
    before = stored_rows()
    with pytest.raises(ValidationError, match="another user changed"):
        change(hours, TOMORROW, session(9, 12), seen=seen)
    for day in (MONDAY, date(9999, 12, 31), date(1, 1, 1)):
        with pytest.raises(ValidationError):
            change(hours, day, session(9, 12))
    assert stored_rows() == before


def test_changes_come_in_an_order_in_which_each_finds_its_time_free() -> None:
    standing = [
        WeeklyHours(pk=key, weekday=0, start_time=time(start), end_time=time(end), capacity=1)
        for key, start, end in ((1, 8, 10), (2, 10, 12), (3, 12, 14))
    ]
    wanted = [
        WeekSession(0, time(start), time(end), None, 1)
        for start, end in ((8, 11), (11, 13), (13, 16))
    ]
    order = [hours.pk for hours, _ in WeekPlan(standing, wanted).changed_in_order()]
    assert order == [3, 2, 1]


def test_sessions_that_each_grow_into_the_next_one_skip_no_day(hours: WeeklyHours) -> None:
    change(hours, TOMORROW, session(9, 11), session(11, 13))
    made = change(hours, TOMORROW, session(9, 12), session(12, 15))
    assert made.skipped == []
    assert slot_times_on(SECOND)[-1] == "14:30"


# --- Closed days ----------------------------------------------------------------------------------


def test_closed_days_last_from_midnight_to_midnight_once_and_flag_the_visits(
    booked: Appointment,
) -> None:
    site, at = booked.location, timezone.now()
    days = {SECOND: "Blue Monday", THIRD: "Moon", date(2027, 3, 28): "Easter Sunday"}
    [closures] = TimeOff.objects.close_days({site: days}, at).values()
    assert [row.local_day() for row in closures] == sorted(days)
    spring = TimeOff.objects.get(reason="Easter Sunday")
    assert spring.ends_at - spring.starts_at == timedelta(hours=23)
    booked.refresh_from_db()
    assert booked.needs_rebooking
    with counted_statements() as first:
        assert TimeOff.objects.close_days({site: days}, at) == {site: []}
    assert (TimeOff.objects.count(), len(first)) == (3, 2)
    assert TimeOff.objects.close_days({LocationFactory(): {}}, at) != {}
    mine = TimeOff.objects.filter(pk__in=[row.pk for row in closures])
    assert mine.reopen(at) == closures
    booked.refresh_from_db()
    assert (booked.needs_rebooking, booked.slot.is_open, mine.reopen(at)) == (False, True, [])


# --- A form that is sent twice, and a change that is taken back -----------------------------------


def test_a_week_that_is_as_wanted_already_needs_no_stamp(hours: WeeklyHours) -> None:
    seen = stamp_of([hours])
    for sentences in (1, 0):
        made = change(hours, TOMORROW, session(9, 10), seen=seen)
        assert len(made.sentences) == sentences


def test_a_change_is_taken_back_by_the_sessions_before_it(hours: WeeklyHours) -> None:
    change(hours, TOMORROW, session(9, 11), session(14, 16))
    slot = hours.schedules.get(date=SECOND).slots.latest("starts_at")
    visit = AppointmentFactory(slot=slot)
    made = change(hours, SECOND, session(9, 10), session(8, 9, weekday=2), keep=True)
    visit.refresh_from_db()
    assert visit.needs_rebooking
    change(hours, SECOND, *made.before, seen=made.stamp)
    visit.refresh_from_db()
    assert not visit.needs_rebooking
    morning, afternoon = ["09:00", "09:30", "10:00", "10:30"], ["14:00", "14:30", "15:00", "15:30"]
    assert slot_times_on(SECOND) == slot_times_on(MONDAY + 14 * A_DAY) == morning + afternoon
    assert slot_times_on(SECOND + 2 * A_DAY) == []


def test_what_a_second_change_would_not_restore_is_not_offered_to_be_taken_back(
    hours: WeeklyHours,
) -> None:
    WeeklyHours.objects.update(valid_until=THIRD)
    assert change(hours, SECOND).before is None
    WeeklyHours.objects.update(valid_until=None, external_id="H-1")
    assert change(hours, SECOND, session(9, 10)).before is None


def test_a_change_acts_from_its_date_on_the_clock_of_the_caller(hours: WeeklyHours) -> None:
    week, yesterday = Week(hours.doctor, hours.location), timezone.now() - A_DAY
    WeeklyHours.objects.update(valid_from=MONDAY - 7 * A_DAY)
    week.change(MONDAY, [session(9, 10)], at=yesterday)
    assert slot_times_on(MONDAY) == ["09:00", "09:30"]
