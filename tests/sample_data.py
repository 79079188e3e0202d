"""A small clinic with one row of everything, so that every route has an answer."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import time
from types import SimpleNamespace
from typing import Any

from django.db import transaction
from django.db.models import Model
from rest_framework.test import APIClient

from accounts.models import Device, OutgoingMessage, User
from accounts.tests.factories import StaffFactory, SuperuserFactory, UserFactory
from appointment.models import (
    Appointment,
    AppointmentEvent,
    CalendarFeed,
    Offer,
    WaitlistEntry,
    Webhook,
    WorkListItem,
)
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from appointment.tests.webhooks import make_webhook
from doctor.models import (
    Doctor,
    Language,
    Location,
    Schedule,
    SiteStaff,
    Slot,
    Specialty,
    TimeOff,
    WeeklyHours,
)
from doctor.tests.factories import (
    DoctorFactory,
    LanguageFactory,
    ScheduleFactory,
    SpecialtyFactory,
    TimeOffFactory,
    WeeklyHoursFactory,
    day_ahead,
)
from patient.models import ClaimCode, EmergencyAccess, MedicalHistory, Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory, PatientFactory
from tests.bodies import BARE, BORN, MAILED, WEBHOOK, WORK_LIST, Bodies
from tests.people import reception_group

PEOPLE = ("anonymous", "owner", "other", "doctor", "staff", "superuser")
OF_THE_DOCTOR = tuple(
    f"/api/appointment/{verb}/" for verb in ("agenda", "check-in", "complete", "no-show")
)
OF_STAFF = ("/weekly-hours/", "/time-off/", "/rebooking/", "/undo/", "/webhooks/")


@dataclass(frozen=True)
class SampleData(Bodies):
    """The people of the clinic, their rows, and a free session of a doctor who has a login."""

    accounts: dict[str, User]
    appointment: Appointment
    begun: Appointment  # has started, so that it can be checked in and completed
    arrived: Appointment  # today, and checked in, so that this can be undone
    flagged: Appointment  # needs rebooking, since its doctor has time off
    time_off: TimeOff
    entry: MedicalHistory
    waiting: WaitlistEntry  # has an open offer
    dependent: Patient
    claim_code: str  # of a record equal to the owner's profile
    device: Device
    feed: CalendarFeed  # with its secret
    session: Schedule
    weekly_hours: WeeklyHours
    specialty: Specialty
    language: Language
    webhook: Webhook  # is told of no-shows, and has a message

    @classmethod
    def made(cls) -> "SampleData":
        """Make it all. `owner` has a visit, an entry and a dependent; `other` has a profile."""
        patient, staff = PatientFactory(), StaffFactory()
        staff.groups.add(reception_group())
        holdings = cls.holdings_of(patient)
        accounts = {
            "owner": patient.user,
            "other": PatientFactory().user,
            "doctor": holdings["session"].doctor.user,
            "staff": staff,
            "superuser": SuperuserFactory(),
        }
        return cls(accounts, **holdings)

    def with_another(self, patient: Patient) -> "SampleData":
        """Return the sample data of another patient, with rows and a doctor of their own."""
        holdings = self.holdings_of(patient)
        owners = {"owner": patient.user, "other": self.accounts["owner"]}
        accounts = {**self.accounts, **owners, "doctor": holdings["session"].doctor.user}
        return SampleData(accounts, **holdings)

    @classmethod
    def holdings_of(cls, patient: Patient) -> dict[str, Any]:
        """Make the rows of a patient and of their doctor, and map field names to them."""
        specialty, language = SpecialtyFactory(), LanguageFactory()
        doctor = DoctorFactory(user=UserFactory())
        doctor.specialties.add(specialty)
        doctor.languages.add(language)
        session = ScheduleFactory(doctor=doctor, capacity=3)
        place = session.location
        hours = {"doctor": doctor, "location": place, "start_time": time(8)}
        over = {"valid_from": day_ahead(-60), "valid_until": day_ahead(-1)}  # make no session
        flagged = AppointmentFactory(slot=ScheduleFactory(location=place).slots.first())
        return {
            **cls.visits_of(patient, session),
            "flagged": flagged,
            "time_off": TimeOffFactory(doctor=flagged.doctor),
            "entry": MedicalHistoryFactory(patient=patient),
            "waiting": cls.offered_to(patient),
            "dependent": DependentFactory(user=patient.user),
            "claim_code": cls.recorded_at_desk(patient),
            "device": cls.device_of(patient.user),
            "feed": CalendarFeed.objects.make(patient.user, "patient"),
            "session": session,
            "weekly_hours": WeeklyHoursFactory(**hours, **over),
            "specialty": specialty,
            "language": language,
            "webhook": cls.webhook_of(patient),
        }

    @staticmethod
    def visits_of(patient: Patient, session: Schedule) -> dict[str, Appointment]:
        """Book a visit to come and two of today, at the session's doctor and location.

        The first of today has begun, the patient has checked in for the second.
        """
        kept = {"doctor": session.doctor, "location": session.location}
        visit = ScheduleFactory(**kept, date=day_ahead(4))
        today: dict[str, Any] = {"date": session.location.today(), "slot_minutes": None}
        first = ScheduleFactory(**kept, **today, start_time=time(0), end_time=time(12))
        second = ScheduleFactory(**kept, **today, start_time=time(12), end_time=time(23, 59))
        return {
            "appointment": AppointmentFactory(patient=patient, slot=visit.slots.first()),
            "begun": AppointmentFactory(patient=patient, slot=first.slots.get()),
            "arrived": AppointmentFactory(patient=patient, slot=second.slots.get()).check_in(),
        }

    @staticmethod
    def recorded_at_desk(patient: Patient) -> str:
        """Make a record of the same person without an account, and return its claim code."""
        names = {"first_name": patient.first_name, "last_name": patient.last_name}
        record = PatientFactory(user=None, date_of_birth=BORN, **names)
        return ClaimCode.objects.issue(record, by=None)

    @staticmethod
    def webhook_of(patient: Patient) -> Webhook:
        """Make a webhook that is told of no-shows, with a message that waits."""
        webhook = make_webhook(f"https://hook{patient.pk}.example/", "appointment.no_show")
        webhook.send_test()
        return webhook

    @staticmethod
    def device_of(user: User) -> Device:
        """Make a device of the user whose token no client uses, and return it."""
        user.issue_token()
        return Device.objects.get(token__user=user)

    @staticmethod
    def offered_to(patient: Patient) -> WaitlistEntry:
        """Make a waitlist entry of the patient, and cancel a visit, whose place it is offered."""
        visit = AppointmentFactory(slot=ScheduleFactory(date=day_ahead(5)).slots.last())
        for slot in visit.slot.schedule.slots.exclude(pk=visit.slot.pk):
            AppointmentFactory(patient=visit.patient, slot=slot)
        entry = WaitlistEntryFactory(patient=patient, doctor=visit.doctor)
        visit.cancel()
        return entry

    def client(self, person: str) -> APIClient:
        """Return a client with the token of that person, or without one for `anonymous`."""
        client = APIClient()
        if person in self.accounts:
            token, _ = self.accounts[person].issue_token()
            client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        return client

    def client_for(self, method: str, template: str) -> APIClient:
        """Return a client of a person for whom this call succeeds."""
        return self.client(self.person_for(method, template))

    def person_for(self, method: str, template: str) -> str:
        """Return a person for whom this call succeeds."""
        if (method, template) == ("POST", "/api/patient/profile/"):
            return "doctor"  # the doctor has no profile yet
        if template.startswith(OF_THE_DOCTOR):
            return "doctor"
        writes_calendar = "/schedules/" in template and method != "GET"
        of_staff = any(part in template for part in OF_STAFF)
        return "superuser" if writes_calendar or of_staff else "owner"

    def path(self, template: str, key: object = None) -> str:
        """Return the path with this key, by default the key of the sample row."""
        if "{" not in template:
            return template
        return re.sub(r"{\w+}", str(self.keys()[template] if key is None else key), template)

    def keys(self) -> dict[str, int]:
        """Map each path template with a key to the primary key of its sample row."""
        return {template: row.pk for template, row in self.rows().items()}

    def rows(self) -> dict[str, Any]:
        """Map each path template with a key to its sample row."""
        doctor = self.session.doctor
        return {
            "/api/auth/devices/{id}/": self.device,
            "/api/auth/devices/{id}/push-token/": self.device,
            "/api/doctor/doctors/{id}/": doctor,
            "/api/doctor/specialties/{id}/": self.specialty,
            "/api/doctor/languages/{id}/": self.language,
            "/api/doctor/locations/{id}/": self.session.location,
            "/api/doctor/schedules/{id}/": self.session,
            "/api/doctor/weekly-hours/{id}/": self.weekly_hours,
            "/api/doctor/weekly-hours/{id}/versions/": self.weekly_hours,
            "/api/doctor/time-off/{id}/": self.time_off,
            "/api/doctor/by-specialty/{specialty_id}/": self.specialty,
            "/api/doctor/doctors/{doctor_id}/available-slots/": doctor,
            "/api/patient/profile/{id}/": self.entry.patient,
            "/api/patient/dependents/{id}/": self.dependent,
            "/api/patient/medical-history/{id}/": self.entry,
            "/api/appointment/my-appointments/{id}/": self.appointment,
            "/api/appointment/my-appointments/{id}/calendar.ics": self.appointment,
            "/api/appointment/calendar-feeds/{id}/": self.feed,
            "/api/appointment/calendar-feeds/{secret}.ics": SimpleNamespace(pk=self.feed.secret),
            "/api/appointment/book/{doctor_id}/": doctor,
            "/api/appointment/cancel/{appointment_id}/": self.appointment,
            "/api/appointment/reschedule/{appointment_id}/": self.appointment,
            "/api/appointment/waitlist/{id}/": self.waiting,
            "/api/appointment/waitlist/{id}/accept/": self.waiting,
            "/api/appointment/waitlist/{id}/decline/": self.waiting,
            f"{WORK_LIST}move/": self.flagged,
            f"{WORK_LIST}cancel/": self.flagged,
            f"{WORK_LIST}keep/": self.flagged,
            "/api/appointment/check-in/{appointment_id}/": self.begun,
            "/api/appointment/complete/{appointment_id}/": self.begun,
            "/api/appointment/no-show/{appointment_id}/": self.begun,
            "/api/appointment/undo/{appointment_id}/": self.arrived,
            "/api/appointment/webhooks/{id}/": self.webhook,
            f"{WEBHOOK}rotate-secret/": self.webhook,
            f"{WEBHOOK}test/": self.webhook,
            f"{WEBHOOK}deliveries/": self.webhook,
        }

    def locations(self) -> list[Location]:
        """Return the sites where the patient has something."""
        sites = {self.session.location, self.waiting.offers.get().slot.location}
        return sorted(sites, key=lambda site: site.pk)

    def admin_rows(self) -> dict[type[Model], Model]:
        """Map each model in the admin whose rows belong to a site to a row of the patient's sites.

        The patient of `entry` has an emergency access, and the site of `session` a member.
        """
        person, session = self.entry.patient, self.session
        return {
            Patient: person,
            MedicalHistory: self.entry,
            EmergencyAccess: person.emergency_accesses.get(),
            Appointment: self.appointment,
            AppointmentEvent: self.appointment.events.get(),
            WorkListItem: WorkListItem.objects.get(pk=self.flagged.pk),
            WaitlistEntry: self.waiting,
            Offer: self.waiting.offers.get(),
            OutgoingMessage: OutgoingMessage.objects.about_rows(
                "offer", self.waiting.offers.all()
            ).get(),
            Doctor: session.doctor,
            Location: session.location,
            SiteStaff: session.location.staff.get(),
            Schedule: session,
            Slot: session.slots.earliest("pk"),
            WeeklyHours: self.weekly_hours,
            TimeOff: self.time_off,
        }

    def body(self, method: str, template: str) -> dict[str, Any] | None:
        """Return a correct body with every field that can be written, or None if there is none."""
        if method in {"GET", "DELETE"} or template.endswith(BARE):
            return None
        if template.endswith("/accept/"):
            return {"override_reason": ""}
        if template in MAILED:
            return self.mailed(template)
        return self.bodies.get(template, self.bodies.get(template.partition("{")[0]))


def call(client: APIClient, method: str, path: str, body: object = None) -> Any:
    """Make the call, with the body as JSON if there is one."""
    return (
        client.generic(method, path)
        if body is None
        else getattr(client, method.lower())(path, body)
    )


@contextmanager
def rolled_back() -> Iterator[None]:
    """Roll back what the block changes in the database."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
