"""What a clinic lives with: somebody on leave, and somebody who waits for a place."""

from contextlib import suppress
from datetime import date, datetime, time, timedelta

from accounts.audit.context import ADMIN, API, RequestContext, use_context
from accounts.models import AuditEvent, User
from appointment.demo import people
from appointment.demo.logins import DOCTOR, PATIENT, RECEPTION
from appointment.demo.posts import LICENSE
from appointment.models import Appointment, Offer, WaitlistEntry
from doctor.models import Doctor, Slot, TimeOff
from doctor.models.slot import SlotQuerySet
from doctor.wall_time import instant_of
from extensions.exceptions import DomainError
from patient.models import EmergencyAccess, MedicalHistory, Patient

ON_LEAVE = f"{LICENSE}M2"
LOOKED_AT_BY = (DOCTOR.email, RECEPTION.email)
WAITED_FOR = f"{LICENSE}M4"
A_DAY = timedelta(days=1)
A_WEEK = timedelta(days=7)


def go_on_leave(at: datetime) -> bool:
    """Enter a week of leave, from next Monday, unless there is one to come; visits fall into it."""
    doctor = Doctor.objects.filter(license_number=ON_LEAVE, is_active=True).first()
    session = doctor and doctor.schedules.active().select_related("location").last()
    if not doctor or not session or doctor.time_off.filter(ends_at__gt=at).exists():
        return False
    place = session.location
    today = place.today(at)
    monday = today + A_DAY * (7 - today.weekday())
    starts_at, ends_at = (
        instant_of(day, time(), place.zone) for day in (monday, monday + A_DAY * 5)
    )
    _book(Slot.objects.filter(doctor=doctor, starts_at__range=(starts_at, ends_at)), 3, at)
    TimeOff(doctor=doctor, starts_at=starts_at, ends_at=ends_at, reason="A congress").publish(at=at)
    return True


def wait_in_line(at: datetime) -> bool:
    """Have three wait for one doctor within a week, and a place of theirs offered to the first.

    The first is the patient with the login. Nothing is done while somebody waits for the doctor.
    """
    doctor = Doctor.objects.filter(license_number=WAITED_FOR, is_active=True).first()
    if not doctor or WaitlistEntry.objects.filter(doctor=doctor, last_date__gte=at).exists():
        return False
    soon = Slot.objects.filter(doctor=doctor, starts_at__range=(at + A_DAY, at + A_WEEK))
    days = sorted(set(soon.bookable(at).values_list("schedule__date", flat=True)))
    patients = people.patients()
    own, others = patients.pop(0, None), [patient for _, patient in sorted(patients.items())]
    for day in days:
        if own and not own.appointments.active().filter(date=day).exists():
            return _fill_and_free(doctor, day, [own, *others[:2]], others[2:], at)
    return False


def look_into_a_record(at: datetime) -> bool:
    """Have the doctor and, in an emergency, the reception look into the patient's record, once.

    So that the patient with the login finds somebody in their access log.
    """
    people_by = {user.email: user for user in User.objects.filter(email__in=LOOKED_AT_BY)}
    own = Patient.objects.filter(user__email=PATIENT.email, is_dependent=False).first()
    if own is None or len(people_by) < len(LOOKED_AT_BY) or own.emergency_accesses.exists():
        return False
    with use_context(RequestContext(API, get_user=lambda: people_by[DOCTOR.email])):
        AuditEvent.objects.record("read", MedicalHistory, [own], otherwise="doctor")
    reception = people_by[RECEPTION.email]
    with use_context(RequestContext(ADMIN, get_user=lambda: reception)):
        access = EmergencyAccess(patient=own, user=reception, reason="Fainted in the waiting room")
        access.begin(at)
        access.read()
    return True


def _fill_and_free(
    doctor: Doctor, day: date, waiting: list[Patient], others: list[Patient], at: datetime
) -> bool:
    """Book out a day, put some in line for it, and cancel one visit."""
    booked = _book(Slot.objects.filter(doctor=doctor, schedule__date=day), None, at, others)
    for patient in waiting:
        WaitlistEntry(patient=patient, doctor=doctor, first_date=day, last_date=day).join(at=at)
    if booked:
        booked[-1].cancel(by=booked[-1].booked_by, reason="Found an earlier time", at=at)
    return Offer.objects.acceptable(at).filter(slot__doctor=doctor).exists()


def _book(
    slots: SlotQuerySet, most: int | None, at: datetime, people_at: list[Patient] | None = None
) -> list[Appointment]:
    """Book places in these slots, for whoever is free then; at most so many."""
    who = people_at or [patient for _, patient in sorted(people.patients().items())][1:]
    booked: list[Appointment] = []
    for slot in slots.bookable(at).order_by("starts_at", "pk"):
        for patient in who:
            if len(booked) == most:
                return booked
            visit = Appointment(patient=patient, slot=slot, booked_by=patient.user)
            with suppress(DomainError):
                booked.append(visit.book(at=at))
                who = [other for other in who if other != patient]
                break
    return booked
