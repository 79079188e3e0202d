"""Example situations: leave with visits to rebook, a waitlist, an emergency access."""

from contextlib import suppress
from datetime import date, datetime, time, timedelta

from accounts.audit.context import ADMIN, API, RequestContext, use_context
from accounts.models import AuditEvent, User
from appointment.demo import people
from appointment.demo.directory import LICENSE_PREFIX
from appointment.demo.logins import DOCTOR, PATIENT, RECEPTION
from appointment.models import Appointment, Offer, WaitlistEntry
from doctor.models import Doctor, Slot, TimeOff
from doctor.models.slot import SlotQuerySet
from doctor.wall_time import instant_of
from extensions.exceptions import DomainError
from patient.models import EmergencyAccess, MedicalHistory, Patient

# License numbers of the doctor on leave, and of the doctor with a waitlist.
ON_LEAVE = f"{LICENSE_PREFIX}M2"
WAITLISTED = f"{LICENSE_PREFIX}M4"
READERS = (DOCTOR.email, RECEPTION.email)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


def add_leave(at: datetime) -> bool:
    """Add leave from next Monday to Friday, with three visits to rebook.

    Does nothing and returns False while the doctor has leave that has not ended.
    """
    doctor = Doctor.objects.filter(license_number=ON_LEAVE, is_active=True).first()
    session = doctor and doctor.schedules.active().select_related("location").last()
    if not doctor or not session or doctor.time_off.filter(ends_at__gt=at).exists():
        return False
    location = session.location
    today = location.today(at)
    monday = today + DAY * (7 - today.weekday())
    starts_at, ends_at = (
        instant_of(day, time(), location.zone) for day in (monday, monday + DAY * 5)
    )
    _book(Slot.objects.filter(doctor=doctor, starts_at__range=(starts_at, ends_at)), 3, at)
    TimeOff(doctor=doctor, starts_at=starts_at, ends_at=ends_at, reason="A congress").publish(at=at)
    return True


def add_waitlist(at: datetime) -> bool:
    """Add three waitlist entries for one doctor and date, the first with an open offer.

    The first is of the patient with the login. Does nothing and returns False while there are
    entries for the doctor, or if no date has room for the example.
    """
    doctor = Doctor.objects.filter(license_number=WAITLISTED, is_active=True).first()
    if not doctor or WaitlistEntry.objects.filter(doctor=doctor, last_date__gte=at).exists():
        return False
    soon = Slot.objects.filter(doctor=doctor, starts_at__range=(at + DAY, at + WEEK))
    days = sorted(set(soon.bookable(at).values_list("schedule__date", flat=True)))
    patients = people.patients_by_number()
    own, others = patients.pop(0, None), [patient for _, patient in sorted(patients.items())]
    for day in days:
        if own and not own.appointments.active().filter(date=day).exists():
            return _offer_canceled_place(doctor, day, [own, *others[:2]], others[2:], at)
    return False


def add_record_reads(at: datetime) -> bool:
    """Record a read of the history by the doctor, and an emergency access by the reception, once.

    They appear in the access log of the patient with the login.
    """
    readers = {user.email: user for user in User.objects.filter(email__in=READERS)}
    own = Patient.objects.filter(user__email=PATIENT.email, is_dependent=False).first()
    if own is None or len(readers) < len(READERS) or own.emergency_accesses.exists():
        return False
    with use_context(RequestContext(API, get_user=lambda: readers[DOCTOR.email])):
        AuditEvent.objects.record("read", MedicalHistory, [own], otherwise="doctor")
    reception = readers[RECEPTION.email]
    with use_context(RequestContext(ADMIN, get_user=lambda: reception)):
        access = EmergencyAccess(patient=own, user=reception, reason="Fainted in the waiting room")
        access.begin(at)
        access.read()
    return True


def _offer_canceled_place(
    doctor: Doctor, day: date, waiting: list[Patient], others: list[Patient], at: datetime
) -> bool:
    """Fill a date, add the entries, and cancel a visit; returns whether its place is offered."""
    booked = _book(Slot.objects.filter(doctor=doctor, schedule__date=day), None, at, others)
    for patient in waiting:
        WaitlistEntry(patient=patient, doctor=doctor, first_date=day, last_date=day).join(at=at)
    if booked:
        booked[-1].cancel(by=booked[-1].booked_by, reason="Found an earlier time", at=at)
    return Offer.objects.acceptable(at).filter(slot__doctor=doctor).exists()


def _book(
    slots: SlotQuerySet, limit: int | None, at: datetime, patients: list[Patient] | None = None
) -> list[Appointment]:
    """Book one visit for each patient who can have one of these slots, up to the limit."""
    left = patients or [each for _, each in sorted(people.patients_by_number().items())][1:]
    booked: list[Appointment] = []
    for slot in slots.bookable(at).order_by("starts_at", "pk"):
        for patient in left:
            if len(booked) == limit:
                return booked
            visit = Appointment(patient=patient, slot=slot, booked_by=patient.user)
            with suppress(DomainError):
                booked.append(visit.book(at=at))
                left = [other for other in left if other != patient]
                break
    return booked
