"""`repair_times` keeps the promised wall times when the time zone data changes."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import InterfaceError
from django.utils import timezone

from appointment.models import Appointment, AppointmentEvent, DeclinedSlot, Offer
from appointment.models.zone_repair import ZoneRepair, repair
from appointment.tests.factories import AppointmentFactory
from appointment.tests.test_check_invariants import verdict
from appointment.tests.waitlist import waiting
from doctor.models import Location, Schedule, Slot, TimeOff
from doctor.models.displaced import displaced
from doctor.tests.factories import (
    LocationFactory,
    PublishedScheduleFactory,
    ScheduleFactory,
    WeeklyHoursFactory,
    day_ahead,
)
from doctor.wall_time import A_DAY
from patient.tests.factories import PatientFactory
from tests.balance import assert_balanced
from tests.zones import other_zones

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
# Etc/GMT+8 is eight hours behind UTC all year, Etc/GMT+7 seven: as if Vancouver ended its change of
# the clocks and chose the one or the other.
EARLY, LATE = {"Vancouver": "Etc/GMT+7"}, {"Vancouver": "Etc/GMT+8"}
MADRID, VANCOUVER = "Europe/Madrid", "America/Vancouver"


@pytest.fixture
def before(tmp_path: Path) -> Iterator[Path]:
    """Let the clocks of Vancouver be seven hours behind UTC; return a folder for other zones."""
    with other_zones(tmp_path / "before", **EARLY):
        yield tmp_path / "after"


def vancouver(**more: Any) -> Schedule:
    """Publish a session of four slots in Vancouver, 09:00 to 11:00."""
    known = {"location": Location.objects.filter(time_zone=VANCOUVER).first()}
    known["location"] = known["location"] or LocationFactory(time_zone=VANCOUVER)
    session: Schedule = PublishedScheduleFactory(**known, **more)
    return session


def repair_times(*options: str) -> str:
    said = StringIO()
    call_command("repair_times", *options, stdout=said)
    return said.getvalue()


def clock(row: Any) -> str:
    """Return when a visit or slot begins, on the clock of its location."""
    row.refresh_from_db()
    return f"{row.starts_at.astimezone(row.location.zone):%H:%M}"


def clocks(rows: Any) -> list[str]:
    return [clock(row) for row in rows.order_by("starts_at")]


def stored() -> list[Any]:
    return [
        list(rows.objects.order_by("pk").values())
        for rows in (Slot, Appointment, AppointmentEvent, Schedule, Offer, DeclinedSlot)
    ]


# --- What is displaced ----------------------------------------------------------------------------


def test_the_check_names_the_slots_that_new_zone_data_displaces(before: Path) -> None:
    session, other = vancouver(), ScheduleFactory()
    past = vancouver(date=day_ahead(-3))
    assert verdict()[0] == 0
    with other_zones(before, **LATE):
        status, report = verdict()
    assert (status, report.count("I6 Slot ")) == (1, 4)
    for slot in session.slots.all():
        assert f"I6 Slot {slot.pk}: " in report
    assert f"schedule {session.pk}, {session.date} 09:00 to 11:00" in report
    assert not {s.pk for s in (*other.slots.all(), *past.slots.all())} & {
        int(line.split()[2].rstrip(":")) for line in report.splitlines() if line.startswith("I6")
    }


def test_a_slot_that_another_slots_time_has_come_upon_is_named_too(before: Path) -> None:
    session = vancouver()  # two slots an hour: 09:00 is now what 10:00 was
    with other_zones(before, **LATE):
        assert [row["pk"] for row in displaced(session.slots.all())] == [
            slot.pk for slot in session.slots.all()
        ]


# --- What is repaired -----------------------------------------------------------------------------


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("known", [True, False])
def test_booked_and_free_slots_keep_their_wall_times(
    tmp_path: Path, back: bool, known: bool
) -> None:
    first, second = (LATE, EARLY) if back else (EARLY, LATE)
    with other_zones(tmp_path / "1", **first):
        session = vancouver()
        gone = AppointmentFactory(slot=session.slots.first())
        gone.cancel()
        visits = [AppointmentFactory(slot=slot) for slot in session.slots.all()[:3]]
        free = session.slots.last()
        if not known:
            Slot.objects.update(utc_offset=None)
        instants = [visit.starts_at for visit in visits]
    with other_zones(tmp_path / "2", **second):
        assert clock(visits[0]) != "09:00"
        report = repair_times()
        assert [clock(visit) for visit in visits] == ["09:00", "09:30", "10:00"]
        assert clocks(session.slots.all()) == ["09:00", "09:30", "10:00", "10:30"]
        assert clock(gone) == "09:00"
        assert not Slot.objects.filter(pk=free.pk).exists()  # read as another time
        shift = timedelta(hours=-1 if back else 1)
        assert [visit.starts_at - was for visit, was in zip(visits, instants, strict=True)] == (
            [shift] * 3
        )
        for visit in visits:
            assert (visit.date, visit.needs_rebooking) == (session.date, False)
            event = visit.events.get(kind="zone_changed")
            assert (event.by, event.from_status, event.to_status) == ("system",) + (
                "scheduled",
            ) * 2
            assert_balanced(visit.slot)
        assert not gone.events.filter(kind="zone_changed").exists()
        assert "Changed 1 sessions: 3 visits moved, 0 kept over to be rebooked; 1 free" in report
        assert verdict()[0] == 0


def test_a_second_run_changes_nothing_and_a_dry_run_nothing_at_all(before: Path) -> None:
    visit = AppointmentFactory(slot=vancouver().slots.first())
    AppointmentFactory(patient=visit.patient, slot=madrid_at(visit.starts_at + timedelta(hours=1)))
    AppointmentFactory(slot=vancouver().slots.last())
    patient = PatientFactory()
    for hour in (10, 9):  # the second is in the way of nothing, and the first of it until it moves
        AppointmentFactory(patient=patient, slot=vancouver(start_time=time(hour)).slots.first())
    with other_zones(before, **LATE):
        untouched = stored()
        report = repair_times("--dry-run")
        assert stored() == untouched
        assert report.replace("Would change", "Changed") == repair_times()
        repaired = stored()
        assert repaired != untouched
        assert "Changed 0 sessions: 0 visits moved" in repair_times()
        assert stored() == repaired
        assert verdict()[0] == 0


def test_clocks_that_did_not_change_move_nothing(before: Path) -> None:
    AppointmentFactory(slot=ScheduleFactory().slots.first())
    vancouver()
    untouched = stored()
    assert "Changed 0 sessions" in repair_times()
    assert stored() == untouched


def test_weekly_hours_and_their_later_days_are_repaired(before: Path) -> None:
    hours = WeeklyHoursFactory(
        location=LocationFactory(time_zone=VANCOUVER), valid_from=day_ahead(2)
    )
    visit = AppointmentFactory(slot=hours.schedules.last().slots.last())
    with other_zones(before, **LATE):
        repair_times()
        assert clock(visit) == "10:30"
        for session in hours.schedules.all():
            assert clocks(session.slots.all()) == ["09:00", "09:30", "10:00", "10:30"]
        assert verdict()[0] == 0
        hours.revise(end_time=time(12))
        assert verdict()[0] == 0


def madrid_at(instant: datetime, **more: Any) -> Slot:
    """Return a slot of half an hour in Madrid that begins at this instant."""
    place = Location.objects.filter(time_zone=MADRID).first() or LocationFactory()
    local = instant.astimezone(place.zone)
    end = (local + timedelta(minutes=30)).time()
    times = {"date": local.date(), "start_time": local.time(), "end_time": end}
    slot: Slot = ScheduleFactory(location=place, **times, **more).slots.get()
    return slot


def test_a_visit_that_meets_another_of_the_patient_stays_and_is_to_be_rebooked(
    before: Path,
) -> None:
    session = vancouver()
    first, second, third, _ = session.slots.all()
    visit, other, third_visit = (AppointmentFactory(slot=s) for s in (first, second, third))
    at = visit.starts_at
    in_madrid = AppointmentFactory(
        patient=visit.patient, slot=madrid_at(at + timedelta(minutes=75))
    )
    with other_zones(before, **LATE):
        report = repair_times()
        visit.refresh_from_db()
        assert (visit.starts_at, visit.needs_rebooking) == (at, True)
        assert (visit.slot.kept_over, visit.slot.is_open) == (True, False)
        assert f"Visit {visit.pk} stays at " in report
        assert not visit.events.filter(kind="zone_changed").exists()
        in_madrid.refresh_from_db()
        assert not in_madrid.needs_rebooking
        assert [clock(other), clock(third_visit)] == ["09:30", "10:00"]
        assert clocks(session.slots.all()) == ["09:00", "09:30", "10:00", "10:30"]
        assert verdict()[0] == 0


def test_the_others_of_its_slot_move(before: Path) -> None:
    slot = vancouver(capacity=3).slots.first()
    visit, *others = (AppointmentFactory(slot=slot) for _ in range(3))
    others[1].cancel()
    at = visit.starts_at
    AppointmentFactory(patient=visit.patient, slot=madrid_at(at + timedelta(hours=1)))
    with other_zones(before, **LATE):
        repair_times()
        assert [clock(other) for other in others] == ["09:00", "09:00"]
        visit.refresh_from_db()
        assert (visit.starts_at, visit.needs_rebooking, visit.slot.kept_over) == (at, True, True)
        slot.refresh_from_db()
        assert (slot.taken, slot.capacity, slot.is_open) == (1, 3, True)
        assert_balanced(slot)
        assert_balanced(visit.slot)
        assert verdict()[0] == 0
        repaired = stored()
        repair_times()
        assert stored() == repaired


def test_a_place_that_staff_added_is_not_sold_when_a_visit_stays_behind(before: Path) -> None:
    slot = vancouver().slots.first()
    visit = AppointmentFactory(slot=slot)
    slot.add_place(None, "a child with a fever")
    other = AppointmentFactory(slot=slot)
    AppointmentFactory(patient=visit.patient, slot=madrid_at(visit.ends_at + timedelta(minutes=30)))
    with other_zones(before, **LATE):
        repair_times()
        assert clock(other) == "09:00"
        slot.refresh_from_db()
        assert (slot.taken, slot.capacity, slot.extra_places) == (1, 1, 0)
        visit.refresh_from_db()
        assert visit.slot != slot
        assert verdict()[0] == 0


@pytest.mark.parametrize("minutes", [90, None])
def test_the_others_of_its_slot_stay_too_where_the_doctor_would_be_in_two_places(
    before: Path, minutes: int | None
) -> None:
    slot = vancouver(capacity=2, end_time=time(10, 30), slot_minutes=minutes).slots.first()
    visit, other = (AppointmentFactory(slot=slot) for _ in range(2))
    AppointmentFactory(patient=visit.patient, slot=madrid_at(visit.ends_at))
    with other_zones(before, **LATE):
        repair_times()
        for each in (visit, other):
            each.refresh_from_db()
            assert (each.needs_rebooking, each.slot.kept_over) == (True, True)
        assert verdict()[0] == 0


def test_a_visit_stays_where_the_doctor_has_another_session_by_then(before: Path) -> None:
    session = vancouver(end_time=time(10))
    visits = [AppointmentFactory(slot=slot) for slot in session.slots.all()]
    busy = madrid_at(session.slots.last().starts_at + timedelta(hours=1), doctor=session.doctor)
    with other_zones(before, **LATE):
        repair_times()
        assert clock(visits[0]) == "09:00"
        visits[1].refresh_from_db()
        assert (visits[1].slot.kept_over, visits[1].needs_rebooking) == (True, True)
        busy.refresh_from_db()
        assert not busy.kept_over
        assert verdict()[0] == 0


def test_a_free_slot_without_room_is_removed(before: Path) -> None:
    session = vancouver(end_time=time(10))
    madrid_at(session.slots.last().starts_at + timedelta(hours=1), doctor=session.doctor)
    with other_zones(before, **LATE):
        assert "2 free slots removed, 1 made" in repair_times()
        assert clocks(session.slots.all()) == ["09:00"]


def test_visits_of_one_patient_to_two_doctors_move_together(before: Path) -> None:
    patient = PatientFactory()
    visits = []
    for hour in (9, 11, 10):  # an hour apart: each is in the way of the one before it
        times = {"start_time": time(hour), "end_time": time(hour + 1), "slot_minutes": 60}
        visits.append(AppointmentFactory(patient=patient, slot=vancouver(**times).slots.get()))
    with other_zones(before, **LATE):
        repair_times()
        assert [clock(visit) for visit in visits] == ["09:00", "11:00", "10:00"]
        assert not any(visit.needs_rebooking for visit in visits)


def test_an_offer_is_withdrawn_and_made_again_at_the_promised_time(before: Path) -> None:
    visit = AppointmentFactory(slot=vancouver(end_time=time(9, 30)).slots.get())
    entry = waiting(visit)
    visit.cancel()
    offer = Offer.objects.get()
    with other_zones(before, **LATE):
        repair_times()
        again = Offer.objects.open().get()
        assert again != offer
        assert (again.entry, clock(again.slot)) == (entry, "09:00")
        assert verdict()[0] == 0


def test_a_time_that_a_patient_declined_is_not_offered_again_once_it_has_moved(
    before: Path,
) -> None:
    visit = AppointmentFactory(slot=vancouver(end_time=time(9, 30)).slots.get())
    entry = waiting(visit)
    visit.cancel()
    entry.refresh_from_db()
    entry.decline()
    with other_zones(before, **LATE):
        repair_times()
        assert not Offer.objects.open().exists()
        assert DeclinedSlot.objects.get().starts_at == Slot.objects.get().starts_at


def test_a_visit_whose_hour_no_longer_exists_is_to_be_rebooked(tmp_path: Path) -> None:
    day = next_change()
    times = {"start_time": time(1), "end_time": time(4), "slot_minutes": 60, "date": day}
    with other_zones(tmp_path / "1", **LATE):
        visits = [AppointmentFactory(slot=slot) for slot in vancouver(**times).slots.all()]
    with other_zones(tmp_path / "2", Vancouver="America/Los_Angeles"):
        repair_times()
        assert clock(visits[0]) == "01:00"
        for visit in visits[1:]:  # 02:00 does not exist on that day, and is in the way of 03:00
            visit.refresh_from_db()
            assert (visit.slot.kept_over, visit.needs_rebooking) == (True, True)
        assert verdict()[0] == 0


def test_a_past_visit_stays_at_its_time_and_an_expected_one_moves(before: Path) -> None:
    session = vancouver(capacity=2)
    first, second, third, _ = session.slots.all()
    seen, missed, expected = (AppointmentFactory(slot=s) for s in (first, second, second))
    seen_early = AppointmentFactory(slot=third)
    at = second.ends_at
    seen.complete(at=at)
    missed.mark_no_show(at=at)
    seen_early.check_in(at=at)
    with other_zones(before, **LATE):
        done = repair(session.doctor_id, at)
        for visit, slot in ((seen, first), (missed, second)):
            assert (clock(visit), visit.starts_at) == (clock(visit.slot), slot.starts_at)
            assert (visit.needs_rebooking, visit.slot.kept_over) == (False, True)
        assert [clock(expected), clock(seen_early)] == ["09:30", "10:00"]
        assert (len(done.moved_visits), done.kept_visits) == (2, [])
        assert clocks(session.slots.all()) == ["09:00", "09:30", "10:00", "10:30"]
        assert verdict()[0] == 0
        assert not repair(session.doctor_id, at).sessions


def test_a_cancelation_can_be_undone_after_the_repair(before: Path) -> None:
    visit = AppointmentFactory(slot=vancouver().slots.first())
    visit.cancel()
    with other_zones(before, **LATE):
        repair_times()
        visit.refresh_from_db()
        visit.undo()
        assert (clock(visit), visit.slot.taken) == ("09:00", 1)
        assert verdict()[0] == 0


@pytest.mark.parametrize(("minutes", "flagged"), [((0, 90), False), ((0, 30, 60, 90), True)])
def test_a_kept_visit_that_moves_into_other_leave_is_on_the_work_list_again(
    before: Path, minutes: tuple[int, ...], flagged: bool
) -> None:
    visit = AppointmentFactory(slot=vancouver().slots.first())
    times = [visit.starts_at + timedelta(minutes=each) for each in minutes]
    for start, end in zip(times[::2], times[1::2], strict=True):
        TimeOff(doctor=visit.doctor, starts_at=start, ends_at=end).publish()
    visit.refresh_from_db()
    visit.keep("the doctor comes in for it")
    with other_zones(before, **LATE):
        repair_times()
        assert (clock(visit), visit.needs_rebooking) == ("09:00", flagged)
        assert verdict()[0] == 0


def test_a_visit_that_stays_has_the_date_of_its_clock(before: Path) -> None:
    visit = AppointmentFactory(slot=vancouver(start_time=time(), end_time=time(1)).slots.first())
    AppointmentFactory(patient=visit.patient, slot=madrid_at(visit.starts_at + timedelta(hours=1)))
    with other_zones(before, **LATE):
        repair_times()
        assert clock(visit) == "23:00"
        assert visit.date == visit.slot.schedule.date - A_DAY


def test_a_visit_that_stayed_and_then_fits_new_hours_is_in_its_place(before: Path) -> None:
    hours = WeeklyHoursFactory(
        location=LocationFactory(time_zone=VANCOUVER), valid_from=day_ahead(2)
    )
    visit = AppointmentFactory(slot=hours.schedules.last().slots.first())
    AppointmentFactory(patient=visit.patient, slot=madrid_at(visit.starts_at + timedelta(hours=1)))
    with other_zones(before, **LATE):
        repair_times()
        hours.revise(start_time=time(8))
        assert clock(visit) == "08:00"
        assert (visit.needs_rebooking, visit.slot.kept_over) == (False, False)
        assert verdict()[0] == 0
        assert "Changed 0 sessions" in repair_times()


def test_a_wall_time_counts_more_than_the_number_of_a_slot(tmp_path: Path) -> None:
    times = {"start_time": time(1), "end_time": time(5), "slot_minutes": 60, "date": next_change()}
    with other_zones(tmp_path / "1", **LATE):
        slots = vancouver(**times).slots.all()
        visit = AppointmentFactory(slot=slots[2])
        slots[3].delete()  # three are left; on the day with the gap the session has three too
    with other_zones(tmp_path / "2", Vancouver="America/Los_Angeles"):
        repair_times()
        assert clock(visit) == "03:00"
        assert verdict()[0] == 0


def test_a_session_that_gains_an_hour_keeps_its_wall_times(tmp_path: Path) -> None:
    day = next_change()
    times = {"start_time": time(1), "end_time": time(5), "slot_minutes": 60, "date": day}
    with other_zones(tmp_path / "1", Vancouver="America/Los_Angeles"):
        session = vancouver(**times)
        visits = [AppointmentFactory(slot=slot) for slot in session.slots.all()]
        assert [clock(visit) for visit in visits] == ["01:00", "03:00", "04:00"]
    with other_zones(tmp_path / "2", **LATE):
        repair_times()
        assert [clock(visit) for visit in visits] == ["01:00", "03:00", "04:00"]
        assert clocks(session.slots.all()) == ["01:00", "02:00", "03:00", "04:00"]
        assert verdict()[0] == 0


def next_change() -> date:
    """Return the day in March on which the clocks of Los Angeles go forward."""
    year = timezone.now().year + 1
    return date(year, 3, 8 + (6 - date(year, 3, 1).weekday()) % 7)


def test_the_wall_times_of_leave_are_listed_and_stay(before: Path) -> None:
    session = vancouver()
    start = session.slots.first().starts_at - timedelta(days=1)
    leave = session.doctor.time_off.create(starts_at=start, ends_at=start + timedelta(hours=8))
    with other_zones(before, **LATE):
        report = repair_times()
        assert f"Time off {leave.pk} stays; check its times: {session.doctor}, " in report
        assert ", 08:00 -08 to " in report
        leave.refresh_from_db()
        assert leave.starts_at == start


def test_a_run_that_is_broken_off_is_completed_by_the_next(
    before: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = [AppointmentFactory(slot=vancouver().slots.first()) for _ in range(3)]
    write, written = ZoneRepair._write, []

    def write_two(repair: ZoneRepair) -> None:
        write(repair)
        written.append(repair)
        if len(written) == 2:
            raise InterfaceError("the connection is lost")

    with other_zones(before, **LATE):
        with monkeypatch.context() as patch:
            patch.setattr(ZoneRepair, "_write", write_two)
            with pytest.raises(InterfaceError):
                repair_times()
        assert [clock(visit) for visit in visits] == ["09:00", "08:00", "08:00"]
        assert "2 visits moved" in repair_times()
        assert [clock(visit) for visit in visits] == ["09:00"] * 3
        assert {visit.events.filter(kind="zone_changed").count() for visit in visits} == {1}
        assert verdict()[0] == 0
