"""A small clinic with one of everything, so that every route has something to answer."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import time
from typing import Any

from django.db import transaction
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import PASSWORD, StaffFactory, SuperuserFactory, UserFactory
from appointment.models import Appointment, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Language, Schedule, Specialty, TimeOff, WeeklyHours
from doctor.tests.factories import (
    DoctorFactory,
    LanguageFactory,
    ScheduleFactory,
    SpecialtyFactory,
    TimeOffFactory,
    WeeklyHoursFactory,
    day_ahead,
)
from patient.models import MedicalHistory, Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory, PatientFactory
from tests.people import reception_group

PEOPLE = ("anonymous", "owner", "other", "doctor", "staff", "superuser")
PROFILE = {
    "first_name": "Eva",
    "last_name": "Sol",
    "date_of_birth": "1990-05-17",
    "sex": "female",
    "phone_number": "+34612345678",
    "address": "Calle Mayor 1",
    "preferred_language": "es",
    "emergency_contact_name": "Luis Sol",
    "emergency_contact_phone": "+34612345679",
}
ENTRY = {
    "kind": "allergy",
    "description": "Pollen",
    "status": "active",
    "diagnosed_on": "2012-03-01",
    "notes": "In spring.",
}
OF_THE_DOCTOR = tuple(
    f"/api/appointment/{verb}/" for verb in ("agenda", "check-in", "complete", "no-show")
)
WORK_LIST = "/api/appointment/rebooking/{appointment_id}/"
OF_THE_DESK = ("/weekly-hours/", "/time-off/", "/rebooking/")
NEW_PASSWORD = "a quite different phrase"


@dataclass(frozen=True)
class World:
    """People, what is theirs, and a free session with a doctor who has a login."""

    accounts: dict[str, User]
    appointment: Appointment
    begun: Appointment
    flagged: Appointment
    time_off: TimeOff
    entry: MedicalHistory
    waiting: WaitlistEntry
    dependent: Patient
    session: Schedule
    weekly_hours: WeeklyHours
    specialty: Specialty
    language: Language

    @classmethod
    def made(cls) -> "World":
        """Make all of it; the `owner` has a visit, an entry and a dependent, `other` a profile."""
        specialty, language = SpecialtyFactory(), LanguageFactory()
        doctor = DoctorFactory(user=UserFactory())
        doctor.specialties.add(specialty)
        doctor.languages.add(language)
        session = ScheduleFactory(doctor=doctor, capacity=3)
        visit = ScheduleFactory(doctor=doctor, location=session.location, date=day_ahead(4))
        patient = PatientFactory()
        staff = StaffFactory()
        staff.groups.add(reception_group())
        accounts = {
            "owner": patient.user,
            "other": PatientFactory().user,
            "doctor": doctor.user,
            "staff": staff,
            "superuser": SuperuserFactory(),
        }
        appointment = AppointmentFactory(patient=patient, slot=visit.slots.first())
        all_day = {"start_time": time(0), "end_time": time(23, 59), "slot_minutes": None}
        place = session.location
        today = ScheduleFactory(doctor=doctor, location=place, date=place.today(), **all_day)
        begun = AppointmentFactory(patient=patient, slot=today.slots.get())
        entry = MedicalHistoryFactory(patient=patient)
        dependent = DependentFactory(user=patient.user)
        waiting = cls.offered_to(patient)
        kept = {"doctor": doctor, "location": session.location, "start_time": time(8)}
        over = {"valid_from": day_ahead(-60), "valid_until": day_ahead(-1)}  # so of no session
        hours = WeeklyHoursFactory(**kept, **over)
        flagged = AppointmentFactory(slot=ScheduleFactory(location=place).slots.first())
        leave = TimeOffFactory(doctor=flagged.doctor)
        owners = (appointment, begun, flagged, leave, entry, waiting, dependent)
        return cls(accounts, *owners, session, hours, specialty, language)

    @staticmethod
    def offered_to(patient: Patient) -> WaitlistEntry:
        """Their entry in line for a doctor whose only visit has just been canceled."""
        visit = AppointmentFactory(slot=ScheduleFactory(date=day_ahead(5)).slots.last())
        for slot in visit.slot.schedule.slots.exclude(pk=visit.slot.pk):
            AppointmentFactory(patient=visit.patient, slot=slot)
        entry = WaitlistEntryFactory(patient=patient, doctor=visit.doctor)
        visit.cancel()
        return entry

    def client(self, person: str) -> APIClient:
        """A client with the token of that person; without one for `anonymous`."""
        client = APIClient()
        if person in self.accounts:
            token, _ = self.accounts[person].issue_token()
            client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        return client

    def client_for(self, method: str, template: str) -> APIClient:
        """A client of somebody with whom this call goes well."""
        return self.client(self.person_for(method, template))

    def person_for(self, method: str, template: str) -> str:
        """Somebody with whom this call goes well."""
        if (method, template) == ("POST", "/api/patient/profile/"):
            return "doctor"  # who has no profile yet
        if template.startswith(OF_THE_DOCTOR):
            return "doctor"
        writes_calendar = "/schedules/" in template and method != "GET"
        behind_the_desk = any(part in template for part in OF_THE_DESK)
        return "superuser" if writes_calendar or behind_the_desk else "owner"

    def path(self, template: str, key: object = None) -> str:
        """The path of what is there, the owner's where it is somebody's; or that of another key."""
        if "{" not in template:
            return template
        return re.sub(r"{\w+}", str(self.keys()[template] if key is None else key), template)

    def keys(self) -> dict[str, int]:
        """The primary key in each path that has one."""
        doctor, patient = self.session.doctor, self.entry.patient
        return {
            "/api/doctor/doctors/{id}/": doctor.pk,
            "/api/doctor/specialties/{id}/": self.specialty.pk,
            "/api/doctor/languages/{id}/": self.language.pk,
            "/api/doctor/locations/{id}/": self.session.location.pk,
            "/api/doctor/schedules/{id}/": self.session.pk,
            "/api/doctor/weekly-hours/{id}/": self.weekly_hours.pk,
            "/api/doctor/time-off/{id}/": self.time_off.pk,
            "/api/doctor/by-specialty/{specialty_id}/": self.specialty.pk,
            "/api/doctor/doctors/{doctor_id}/available-slots/": doctor.pk,
            "/api/patient/profile/{id}/": patient.pk,
            "/api/patient/dependents/{id}/": self.dependent.pk,
            "/api/patient/medical-history/{id}/": self.entry.pk,
            "/api/appointment/my-appointments/{id}/": self.appointment.pk,
            "/api/appointment/book/{doctor_id}/": doctor.pk,
            "/api/appointment/cancel/{appointment_id}/": self.appointment.pk,
            "/api/appointment/reschedule/{appointment_id}/": self.appointment.pk,
            "/api/appointment/waitlist/{id}/": self.waiting.pk,
            "/api/appointment/waitlist/{id}/accept/": self.waiting.pk,
            "/api/appointment/waitlist/{id}/decline/": self.waiting.pk,
            f"{WORK_LIST}move/": self.flagged.pk,
            f"{WORK_LIST}cancel/": self.flagged.pk,
            "/api/appointment/check-in/{appointment_id}/": self.begun.pk,
            "/api/appointment/complete/{appointment_id}/": self.begun.pk,
            "/api/appointment/no-show/{appointment_id}/": self.begun.pk,
        }

    def body(self, method: str, template: str) -> dict[str, Any] | None:
        """A body that is right, with every field that can be written; None where there is none."""
        if method in {"GET", "DELETE"} or template.endswith(("/accept/", "/decline/")):
            return None
        bodies = self.bodies()
        return bodies.get(template, bodies.get(template.partition("{")[0]))

    def bodies(self) -> dict[str, dict[str, Any]]:
        """The body by the path, or the path up to its key."""
        owner, slot = self.accounts["owner"], self.session.slots.earliest("starts_at")
        names = {"first_name": "Eva", "last_name": "Sol"}
        account = {"email": "eva@example.com", "password": NEW_PASSWORD, **names}
        return {
            "/api/auth/register/": account,
            "/api/auth/login/": {"email": owner.email, "password": PASSWORD},
            "/api/auth/profile/": names,
            "/api/auth/change-password/": {"old_password": PASSWORD, "new_password": NEW_PASSWORD},
            "/api/doctor/schedules/": self.hours(),
            "/api/doctor/weekly-hours/": self.every_week(),
            "/api/doctor/time-off/": self.away(),
            "/api/patient/profile/": PROFILE,
            "/api/patient/dependents/": PROFILE,
            "/api/patient/medical-history/": ENTRY,
            "/api/appointment/book/": {"slot_id": slot.pk, "reason": "Check-up"},
            "/api/appointment/cancel/": {"reason": "A cold"},
            "/api/appointment/reschedule/": {"slot_id": slot.pk},
            "/api/appointment/waitlist/": self.wish(),
            f"{WORK_LIST}move/": {"slot_id": slot.pk},
            f"{WORK_LIST}cancel/": {"reason": "The doctor is ill"},
        }

    def wish(self) -> dict[str, Any]:
        """What somebody can wait for."""
        return {
            "doctor": self.waiting.doctor_id,
            "from": str(day_ahead(1)),
            "to": str(day_ahead(20)),
            "weekdays": [0, 1, 2, 3, 4, 5, 6],
            "start_time": "08:00:00",
            "end_time": "20:00:00",
        }

    def hours(self) -> dict[str, Any]:
        """A session that the doctor can still hold."""
        return {
            "doctor": self.session.doctor.pk,
            "location": self.session.location.pk,
            "date": str(day_ahead(7)),
            "start_time": "09:00:00",
            "end_time": "10:00:00",
            "slot_minutes": 20,
            "capacity": 2,
            "is_active": True,
        }

    def away(self) -> dict[str, Any]:
        """A day off of the doctor, later than everything else."""
        return {
            "doctor": self.session.doctor.pk,
            "location": None,
            "starts_at": f"{day_ahead(20)}T00:00:00+01:00",
            "ends_at": f"{day_ahead(21)}T00:00:00+01:00",
            "reason": "Training",
        }

    def every_week(self) -> dict[str, Any]:
        """Hours that the doctor can still keep, and that the hours there are can become."""
        return {
            "doctor": self.session.doctor.pk,
            "location": self.session.location.pk,
            "weekday": day_ahead().weekday(),
            "start_time": "17:00:00",
            "end_time": "18:00:00",
            "slot_minutes": 20,
            "capacity": 2,
            "valid_from": str(day_ahead()),
            "valid_until": str(day_ahead(30)),
            "every_weeks": 2,
        }


def call(client: APIClient, method: str, path: str, body: object = None) -> Any:
    """Make the call, with the body as JSON where there is one."""
    return (
        client.generic(method, path)
        if body is None
        else getattr(client, method.lower())(path, body)
    )


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside has not happened afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
