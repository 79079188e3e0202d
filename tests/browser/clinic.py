"""A clinic on a Tuesday at 10:00, as the pictures of the docs and the tests of all pages show it.

Patients wait, are late, done or did not come; one doctor is on leave from noon, another one is ill
tomorrow, so that visits wait for another time. No row depends on chance.
"""

from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import SuperuserFactory, UserFactory
from appointment.models import Appointment, WaitlistEntry
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.models import Doctor, Location, Slot, TimeOff, WeeklyHours
from doctor.tests.factories import (
    DoctorFactory,
    LanguageFactory,
    LocationFactory,
    ScheduleFactory,
    SpecialtyFactory,
    TimeOffFactory,
    day_ahead,
)
from patient.models import Patient
from patient.tests.factories import MedicalHistoryFactory, PatientFactory

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
FIRST_NAMES = (  # noqa: SIM905
    "Lucía Mateo Amira Hugo Sofía Youssef Marta Daniel Carmen Noah Olivia Jorge Larissa Rafael"
).split()
LAST_NAMES = (  # noqa: SIM905
    "Romero Ortega Vidal Mansour Castro Prieto Campos Haddou Dubois Weber Almeida Teixeira "
    "Serrano Gallego Ferrer Ibáñez Molinero"
).split()
MORNING = time(9), time(13)
MONDAY = date(2026, 11, 30)  # of the week of all tests in a browser
PAST = ("completed",) * 7 + ("no_show", "", "completed", "")  # how the visits before have ended
BOTH = MORNING, (time(15), time(18))
REASONS = ("Check-up", "Follow-up", "Test results", "New complaint", "", "Second opinion")


@dataclass(frozen=True)
class Duty:
    """A doctor with the hours of each week, and the visits of today.

    `visits` has a letter for each time from the first on: d done, n no-show, w waiting, b booked,
    c canceled, a dot for a free time.
    """

    title: str
    first_name: str
    last_name: str
    specialty: str
    minutes: int
    visits: str
    weekdays: tuple[int, ...] = (1, 2)  # Tuesday and Wednesday
    sessions: tuple[tuple[time, time], ...] = (MORNING,)


DUTIES = (
    Duty("Dr.", "Elena", "Navarro", "General practice", 20, "ddwwb.bb.b.b", (0, 1, 2, 3), BOTH),
    Duty("Dr.", "Javier", "Molina", "Cardiology", 30, "db.bcb.b"),
    Duty("Dr.", "Inés", "Carrasco", "Dermatology", 20, "dnbb.bb.."),
    Duty("Dr.", "Salma", "Benali", "Gynecology", 20, "ddw.bbbc.bb."),
    Duty("Prof.", "Klaus", "Hartmann", "Neurology", 60, "dwb."),
)
# A file of patients: one is new, one changes, one may be there already, one has no last name.
PEOPLE_TO_IMPORT = """external_id,last_name,first_name,date_of_birth,phone_number
P-1001,Zubiri,Nerea,1984-05-12,+12125550190
P-1000,Zabala,Iker,1971-10-02,+12125550199
P-1002,Romero,Lucía,1938-03-04,
P-1003,,Ane,1990-01-09,
"""
AWAY = "Carrasco"  # from 12:00 on today
ILL = "Molina"  # tomorrow


@dataclass
class Clinic:
    """The rows of the clinic: `doctors` by last name, `slots` of today by last name and time."""

    site: Location
    other_site: Location
    admin: User
    doctors: dict[str, Doctor] = field(default_factory=dict)
    slots: dict[tuple[str, str], Slot] = field(default_factory=dict)
    people: int = 0
    leave: TimeOff = field(init=False)
    to_rebook: Appointment = field(init=False)
    waiting: WaitlistEntry = field(init=False)  # has the open offer

    @classmethod
    def open(cls) -> "Clinic":
        """Create the clinic at the instant that the clock shows."""
        spain = {"country": "ES", "subdivision": "ES-MD"}
        site = LocationFactory(name="Clínica del Retiro", **spain)
        other = LocationFactory(name="Policlínico Sur", **spain)
        clinic = cls(site, other, SuperuserFactory(first_name="Robin", last_name="Ferrer"))
        for tag, name in (("es", "Spanish"), ("en", "English"), ("fr", "French")):
            LanguageFactory(tag=tag, name=name)
        for duty in DUTIES:
            clinic._hire(duty)
            clinic._fill_today(duty)
        clinic._close_times()
        clinic._fill_line()
        clinic.person(first_name="Iker", last_name="Zabala", external_id="P-1000")
        return clinic

    @property
    def own(self) -> User:
        """The account of the first doctor, in the group Doctor."""
        return self.doctors[DUTIES[0].last_name].user  # type: ignore[return-value]

    def visit(self, doctor: str, at: str) -> Appointment:
        """Return the visit of today with the doctor of this last name, at a time such as 09:20."""
        return Appointment.objects.get(slot=self.slots[doctor, at])

    def person(self, **known: Any) -> Patient:
        """Create the next person; no two of the first 238 have the same name."""
        number, self.people = self.people, self.people + 1
        person: Patient = PatientFactory(**{
            "user": None,
            "first_name": FIRST_NAMES[number % len(FIRST_NAMES)],
            "last_name": LAST_NAMES[number % len(LAST_NAMES)],
            "date_of_birth": date(1938, 3, 4) + timedelta(days=number * 1367 % 27_000),
            "phone_number": f"+12125550{100 + number % 100}",  # reserved for fiction
            **known,
        })  # fmt: skip
        return person

    def _hire(self, duty: Duty) -> None:
        """Create the doctor, with times today and weekly hours from tomorrow on."""
        names = {"first_name": duty.first_name, "last_name": duty.last_name}
        user = UserFactory(**names)
        user.groups.add(Group.objects.get(name="Doctor"))
        doctor = DoctorFactory(title=duty.title, user=user, **names)
        doctor.specialties.add(SpecialtyFactory(name=duty.specialty))
        self.doctors[duty.last_name] = doctor
        here = {"doctor": doctor, "location": self.site, "slot_minutes": duty.minutes}
        for weekday in duty.weekdays:
            for start, end in duty.sessions:
                times = {"start_time": start, "end_time": end, "weekday": weekday}
                hours = WeeklyHours(**here, **times, valid_from=MONDAY)
                hours.publish(at=timezone.now() - DAY)  # from tomorrow on
        today = doctor.slots.filter(schedule__date=day_ahead(0)).order_by("starts_at")
        for slot in today.select_related("doctor", "location"):
            at = f"{slot.starts_at.astimezone(self.site.zone):%H:%M}"
            self.slots[duty.last_name, at] = slot

    def _fill_today(self, duty: Duty) -> None:
        """Book the visits of today and bring each to its state."""
        times = [slot for (doctor, _), slot in self.slots.items() if doctor == duty.last_name]
        for slot, state in zip(times, duty.visits, strict=False):
            if state != ".":
                visit = self._book(slot)
                MedicalHistoryFactory(patient=visit.patient)
                self._bring(visit, state)

    def _book(self, slot: Slot) -> Appointment:
        number = self.people
        reason = REASONS[number % len(REASONS)]
        visit: Appointment = AppointmentFactory(
            patient=self.person(), slot=slot, reason=reason, booked_by=self.admin
        )
        booked_at = timezone.now() - (1 + number * 7 % 24) * DAY
        Appointment.objects.filter(pk=visit.pk).update(created_at=booked_at)
        return visit

    def _bring(self, visit: Appointment, state: str) -> None:
        """Bring a booked visit to the state that this letter of `Duty.visits` means."""
        by, came = self.admin, visit.starts_at - 8 * MINUTE
        if state in "dw":
            visit.check_in(by=by, at=came)
        if state == "d":
            visit.complete(by=by, at=visit.ends_at)
        if state == "n":
            visit.mark_no_show(by=by, at=visit.ends_at)
        if state == "c":
            visit.cancel(by=by, reason="Patient asked", at=came)

    def _close_times(self) -> None:
        """Enter the leave of today, and that of tomorrow, when patients have booked."""
        noon = self.slots[AWAY, "12:00"].starts_at
        TimeOffFactory(doctor=self.doctors[AWAY], starts_at=noon, ends_at=noon + 2 * HOUR)
        ill = self.doctors[ILL]
        tomorrow = ill.slots.filter(starts_at__gt=noon + 12 * HOUR).order_by("starts_at")
        self.to_rebook, *_ = [self._book(slot) for slot in list(tomorrow[:6:2])]
        first = tomorrow[0].starts_at
        last = first + 9 * HOUR
        self.leave = TimeOffFactory(doctor=ill, starts_at=first, ends_at=last, reason="Illness")

    def _fill_line(self) -> None:
        """Let people wait for a doctor or a specialty, one of them with an open offer."""
        hartmann = self.doctors["Hartmann"]
        self.waiting, *_ = [
            WaitlistEntryFactory(patient=self.person(), doctor=doctor, last_date=day_ahead(10))
            for doctor in (hartmann, hartmann, self.doctors["Navarro"])
        ]
        cardiology = self.doctors[ILL].specialties.get()
        WaitlistEntryFactory(patient=self.person(), doctor=None, specialty=cardiology)
        self._book(self.slots["Hartmann", "12:00"]).cancel(by=self.admin)

    def look_back(self, weeks: int) -> None:
        """Insert the mornings of the weeks before, with visits that are over."""
        people = list(Patient.objects.order_by("pk"))
        for number, duty in enumerate(DUTIES):
            known = people[number * 7 : number * 7 + 7]  # no visits of one person overlap
            for week in range(1, weeks + 1):
                for weekday in duty.weekdays:
                    self._fill_past(duty, MONDAY - 7 * week * DAY + weekday * DAY, known)

    def _fill_past(self, duty: Duty, day: date, people: list[Patient]) -> None:
        times = {"start_time": time(9), "end_time": time(13), "slot_minutes": duty.minutes}
        doctor = self.doctors[duty.last_name]
        session = ScheduleFactory(doctor=doctor, location=self.site, date=day, **times)
        for number, slot in enumerate(session.slots.order_by("starts_at")):
            state = PAST[(day.day + number * len(duty.first_name)) % len(PAST)]
            if state:
                patient = people[number % len(people)]
                visit = AppointmentFactory(slot=slot, patient=patient, status=state)
                lead = timedelta(days=(day.day + number * len(duty.last_name)) % 19 + 1)
                Appointment.objects.filter(pk=visit.pk).update(created_at=slot.starts_at - lead)
