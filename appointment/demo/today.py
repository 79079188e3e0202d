"""The demo's day at the desk: who is done, waits, is late or comes soon, whatever the time is."""

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from random import Random

from accounts.models import User
from appointment.demo.directory import DOCTORS, LOCATIONS
from appointment.demo.logins import RECEPTION
from appointment.demo.visits import REASONS, Participants
from appointment.models import Appointment
from doctor.exceptions import ScheduleOverlap
from doctor.models import Doctor, Location, Schedule, Slot
from extensions.exceptions import DomainError

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BEFORE, AFTER = 2 * HOUR, 4 * HOUR  # the visits around now
DOCTORS_ON_DUTY = 3  # get a session out of hours, so that the desk is never empty
BOOKED_SHARE = 0.6
EARLY = 20 * MINUTE  # so long before their time patients come


def open_desks(at: datetime) -> bool:
    """Give the desk of each demo location a day: sessions, if there are none now, and visits.

    Does nothing at a location where a patient has checked in today. Returns whether it did.
    """
    reception = User.objects.filter(email=RECEPTION.email).first()
    participants = Participants.load()
    done = False
    for each in LOCATIONS:
        location = Location.objects.filter(name=each.name).first()
        if location and not _has_begun(location, at):
            _open_out_of_hours(location, at)
            done |= _fill(location, participants, reception, at)
    return done


def _has_begun(location: Location, at: datetime) -> bool:
    today = Appointment.objects.filter(location=location, date=location.today(at))
    return today.filter(checked_in_at__isnull=False).exists()


def _open_out_of_hours(location: Location, at: datetime) -> None:
    """Publish a session around now for some doctors, if no session of the location is open now."""
    today = Slot.objects.filter(location=location, starts_at__lte=at, ends_at__gt=at)
    if today.exists():
        return
    numbers = [each.license_number for each in DOCTORS if each.location.name == location.name]
    doctors = Doctor.objects.active().filter(license_number__in=numbers).order_by("license_number")
    day, start, end = _hours_around(location, at)
    for doctor in doctors[:DOCTORS_ON_DUTY]:
        times = {"date": day, "start_time": start, "end_time": end, "slot_minutes": 20}
        with suppress(ScheduleOverlap):
            Schedule(doctor=doctor, location=location, **times).publish()


def _hours_around(location: Location, at: datetime) -> tuple[date, time, time]:
    """Return today and hours around now on the clock of the location, within the day.

    None ends at midnight, which the first releases cannot hold: they could not be put back.
    """
    hour = at.astimezone(location.zone).hour
    end = time(hour + 5) if hour + 5 < 24 else time(23, 40)
    return location.today(at), time(max(0, hour - 2)), end


def _fill(
    location: Location, participants: Participants, reception: User | None, at: datetime
) -> bool:
    """Book visits around now as of the days before, and bring them to the state of the hour."""
    slots = Slot.objects.filter(location=location, schedule__date=location.today(at), is_open=True)
    around = slots.filter(starts_at__gt=at - BEFORE, starts_at__lt=at + AFTER, taken=0)
    rng = Random(f"desk {location.name} {location.today(at)}")  # noqa: S311  # nosec B311
    patients = list(participants.patients[location.name])
    rng.shuffle(patients)
    booked = False
    for slot in around.select_related("doctor", "location").order_by("starts_at", "doctor"):
        if patients and rng.random() < BOOKED_SHARE:
            visit = Appointment(patient=patients.pop(), slot=slot, booked_by=reception)
            visit.reason = rng.choice(REASONS)
            with suppress(DomainError):
                visit.book(at=min(at, slot.starts_at) - rng.randint(1, 9) * 24 * HOUR)
                _bring_to_now(visit, rng, reception, at)
                booked = True
    return booked


def _bring_to_now(visit: Appointment, rng: Random, by: User | None, at: datetime) -> None:
    """Conclude a visit that is over, and check in most patients whose time has come or is near."""
    came = max(visit.starts_at - rng.randint(2, 20) * MINUTE, _midnight(visit))
    if visit.ends_at <= at:
        if rng.random() < 0.85:
            visit.check_in(by=by, at=came).complete(by=by, at=visit.ends_at)
        else:
            visit.mark_no_show(by=by, at=visit.ends_at)
    elif visit.starts_at - EARLY <= at and rng.random() < 0.6:
        visit.check_in(by=by, at=min(came, at))
    elif visit.starts_at > at + HOUR and rng.random() < 0.1:
        visit.cancel(by=by, reason="Found an earlier time", at=at - HOUR)


def _midnight(visit: Appointment) -> datetime:
    """Return the start of the day of the visit at its location."""
    return datetime.combine(visit.date, time(), visit.location.zone)
