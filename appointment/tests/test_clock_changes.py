"""Days, deadlines and offers of visits when the clocks change, in two time zones."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import User
from appointment.exceptions import CancelDeadlinePassed, InvalidTransition
from appointment.models import Appointment
from appointment.tests.factories import WaitlistEntryFactory
from doctor.models import Location
from doctor.tests.factories import LocationFactory, ScheduleFactory
from patient.tests.factories import PatientFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MADRID, NEW_YORK = "Europe/Madrid", "America/New_York"
DAYS = [  # zone, date on which its clocks change, number of hours of that day
    (MADRID, date(2027, 3, 28), 23),
    (MADRID, date(2027, 10, 31), 25),
    (NEW_YORK, date(2027, 3, 14), 23),
    (NEW_YORK, date(2027, 11, 7), 25),
]
# Hours from midnight to the change, by zone and number of hours of the day.
CHANGE_AT = {(MADRID, 23): 2, (MADRID, 25): 3, (NEW_YORK, 23): 2, (NEW_YORK, 25): 2}
A_DAY = timedelta(days=1)


def visit_at(location: Location, day: date, start: time, user: User | None = None) -> Appointment:
    """Book a 25-minute visit at a wall time of the location, to the doctor of `user` if given."""
    end = time(start.hour, start.minute + 25)
    whose = {"doctor": user.doctor} if user else {}
    session = ScheduleFactory(
        location=location, date=day, start_time=start, end_time=end, slot_minutes=25, **whose
    )
    slot = session.slots.get()
    visit = Appointment(patient=PatientFactory(), slot=slot)
    return visit.book(at=slot.starts_at - timedelta(hours=1))


def wall(visit: Appointment, at: datetime) -> str:
    return f"{at.astimezone(visit.location.zone):%a %H:%M}"


@pytest.mark.parametrize(("zone", "day", "hours"), DAYS)
@pytest.mark.parametrize("asked", [time(0, 5), time(23, 55)])
def test_the_agenda_shows_every_visit_of_a_day_of_23_or_25_hours(
    zone: str,
    day: date,
    hours: int,
    asked: time,
    doctor_user: User,
    client_of: Callable[[User | None], APIClient],
) -> None:
    place = LocationFactory(time_zone=zone)
    visit_at(place, day - A_DAY, time(23, 30), doctor_user)
    visit_at(place, day, time(0, 30), doctor_user)
    visit_at(place, day, time(23), doctor_user)
    visit_at(place, day + A_DAY, time(0, 10), doctor_user)
    with time_machine.travel(datetime.combine(day, asked, ZoneInfo(zone)), tick=False):
        shown = client_of(doctor_user).get("/api/appointment/agenda/").json()["results"]
    assert [row["starts_at"][:16] for row in shown] == [f"{day}T00:30", f"{day}T23:00"]
    first, last = (datetime.fromisoformat(row["starts_at"]) for row in shown)
    assert last - first == timedelta(hours=22.5) + timedelta(hours=hours - 24)


@pytest.mark.parametrize(("zone", "day", "hours"), DAYS)
def test_the_deadline_is_elapsed_time_across_the_change(zone: str, day: date, hours: int) -> None:
    place = LocationFactory(time_zone=zone, cancel_deadline_minutes=24 * 60)
    in_time, late = (visit_at(place, day, time(10)) for _ in range(2))
    last = in_time.starts_at - timedelta(hours=24)
    assert wall(in_time, last) == f"{day - A_DAY:%a} {hours - 14:02}:00"
    with pytest.raises(CancelDeadlinePassed):
        late.cancel(at=last + timedelta(seconds=1))
    assert in_time.cancel(at=last).status == "canceled"


@pytest.mark.parametrize(("zone", "day", "hours"), DAYS)
def test_the_day_of_a_visit_has_all_its_hours(zone: str, day: date, hours: int) -> None:
    visit = visit_at(LocationFactory(time_zone=zone), day, time(12))
    midnight = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))
    end = midnight + timedelta(hours=hours)
    for at in (midnight - timedelta(seconds=1), end):
        with pytest.raises(InvalidTransition):
            visit.check_in(at=at)
    visit.check_in(at=end - timedelta(seconds=1))
    assert visit.checked_in_at is not None


# --- Offers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("zone", "day", "hours"), DAYS)
def test_the_hours_of_a_waitlist_entry_are_local_hours(zone: str, day: date, hours: int) -> None:
    """The waitlist compares local hours, so 10:00 matches before and after the change."""
    place = LocationFactory(time_zone=zone)
    for on in (day - A_DAY, day, day + A_DAY):
        for start, fits in ((time(9), False), (time(10), True), (time(11), False)):
            visit = visit_at(place, on, start)
            criteria = {"first_date": on, "last_date": on, "weekday_bits": 1 << on.weekday()}
            WaitlistEntryFactory(
                doctor=visit.doctor, start_time=time(10), end_time=time(10, 25), **criteria
            )
            visit.cancel(at=visit.starts_at - A_DAY)
            assert visit.slot.offers.count() == fits, (on, start)


@pytest.mark.parametrize(("zone", "day", "hours"), DAYS)
@pytest.mark.parametrize("lasts", [30, 20], ids=["whole", "cut by the notice"])
def test_an_offer_lasts_its_usual_minutes_while_the_clocks_change(
    zone: str, day: date, hours: int, lasts: int
) -> None:
    visit = visit_at(LocationFactory(time_zone=zone), day, time(4))
    midnight = datetime.combine(day, time(), ZoneInfo(zone))
    change = midnight.astimezone(UTC) + timedelta(hours=CHANGE_AT[zone, hours])
    at = change - timedelta(minutes=10)
    assert at.astimezone(visit.location.zone).utcoffset() != (
        change.astimezone(visit.location.zone).utcoffset()
    )
    if lasts < 30:
        notice = (visit.starts_at - at) // timedelta(minutes=1) - lasts
        visit.location.revise(min_notice_minutes=notice)
    WaitlistEntryFactory(doctor=visit.doctor, first_date=day, last_date=day)
    visit.cancel(at=at)
    assert visit.slot.offers.get().expires_at == at + timedelta(minutes=lasts)
