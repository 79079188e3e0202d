"""A bad day, played through the API and the admin: the doctor falls ill at 09:05 with six visits.

The day, on the clock of the site. The doctor's six patients are Ada, Bruno, Carla, Diego, Elsa and
Fermín; the colleague's are Laura, Xavi and Yara.

08:50  Ada is at the desk, but reception checks in Carla, and undoes that.
09:05  The doctor is ill: the six visits are on the work list, each with other times.
09:07  Ada, who has checked in, is moved to the colleague's 09:30, although her time has come.
09:10  Bruno, who has no account, is moved; Nuria takes the first time that was proposed to him.
09:15  Reception moves Carla, cancels Elsa's visit and keeps Fermín's; Diego moves his own.
09:20  Laura has not come to her 09:00 and is a no-show; at 09:25 she is there.
09:40  Xavi cancels his 10:00, and Lola, who waits in line without an account, gets it.
10:50  The colleague's 11:00 is full, and reception squeezes Sonia in.
11:35  Walter walks in, and gets the 11:30 that has begun.
12:30  Reception completes the visits that took place.

At the end nothing is lost and each person is served: HISTORIES says how.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import call_command
from rest_framework.test import APIClient

from accounts.models import User
from appointment.models import Appointment, WaitlistEntry, WorkListItem
from doctor.models import Doctor, Location, Slot
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    PublishedScheduleFactory,
    SpecialtyFactory,
)
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.admin_client import AdminClient, form_errors, messages_of, page
from tests.balance import assert_balanced

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MADRID = ZoneInfo("Europe/Madrid")
MONDAY, TUESDAY = date(2026, 11, 30), date(2026, 12, 1)
SIX = ("Ada", "Bruno", "Carla", "Diego", "Elsa", "Fermín")  # at 09:00, 09:30, ... 11:30
OF_COLLEAGUE = {"Laura": "09:00", "Xavi": "10:00", "Yara": "11:00"}
WITHOUT_ACCOUNT = ("Bruno", "Lola", "Sonia")
# At the end: the status of each patient's visit, its day, and its events from first to last.
HISTORIES = {
    "Ada": ("completed", MONDAY, "booked checked_in rescheduled checked_in completed"),
    "Bruno": ("scheduled", TUESDAY, "booked rescheduled"),
    "Carla": ("scheduled", TUESDAY, "booked checked_in undone rescheduled"),
    "Diego": ("completed", MONDAY, "booked rescheduled completed"),
    "Elsa": ("canceled", MONDAY, "booked canceled"),
    "Fermín": ("completed", MONDAY, "booked kept completed"),
    "Laura": ("completed", MONDAY, "booked no_show checked_in completed"),
    "Lola": ("completed", MONDAY, "booked completed"),
    "Nuria": ("scheduled", TUESDAY, "booked"),
    "Sonia": ("completed", MONDAY, "booked completed"),
    "Walter": ("completed", MONDAY, "booked checked_in completed"),
    "Xavi": ("canceled", MONDAY, "booked canceled"),
    "Yara": ("completed", MONDAY, "booked completed"),
}


def at(hour: str, day: date = MONDAY) -> datetime:
    """Return the instant at which the clocks in Madrid show this time."""
    return datetime.combine(day, time.fromisoformat(hour), MADRID).astimezone(UTC)


@dataclass
class Clinic:
    """Two doctors of one specialty at one site, their visits by the patients' names, reception."""

    clock: Any
    staff: User
    client_of: Any
    site: Location = field(init=False)
    doctor: Doctor = field(init=False)
    colleague: Doctor = field(init=False)
    visits: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.site = LocationFactory(time_zone="Europe/Madrid")
        self.doctor, self.colleague = DoctorFactory.create_batch(2)
        specialty = SpecialtyFactory()
        for doctor, days in ((self.doctor, (MONDAY, TUESDAY)), (self.colleague, (MONDAY,))):
            doctor.specialties.add(specialty)
            for day in days:
                PublishedScheduleFactory(
                    doctor=doctor, location=self.site, date=day, end_time=time(12)
                )
        self.api: APIClient = self.client_of(self.staff)

    @property
    def admin(self) -> AdminClient:
        """A browser in which reception has just signed in."""
        return AdminClient(self.staff)

    def person(self, name: str) -> Patient:
        """Return the patient of this name, who is made if there is none yet."""
        known = Patient.objects.filter(first_name=name).first()
        account = {"user": None} if name in WITHOUT_ACCOUNT else {}
        return known or PatientFactory(first_name=name, **account)

    def slot(self, doctor: Doctor, hour: str, day: date = MONDAY) -> Slot:
        return Slot.objects.get(doctor=doctor, starts_at=at(hour, day))

    def book(self, name: str, doctor: Doctor, hour: str) -> None:
        person = self.person(name)
        slot = self.slot(doctor, hour)
        self.visits[name] = Appointment(patient=person, slot=slot, booked_by=person.user).book().pk

    def visit(self, name: str) -> Appointment:
        return Appointment.objects.get(pk=self.visits[name])

    def staff_post(self, verb: str, name: str, status: int = 200, **body: Any) -> dict[str, Any]:
        """Call a verb on the visit of this patient as reception."""
        return self.post(self.api, f"{verb}/{self.visits[name]}/", status, **body)

    def patient_post(self, verb: str, name: str, status: int = 200, **body: Any) -> dict[str, Any]:
        """Call a verb on the own visit with the patient's app."""
        client = self.client_of(self.person(name).user)
        return self.post(client, f"{verb}/{self.visits[name]}/", status, **body)

    def post(self, client: APIClient, path: str, status: int, **body: Any) -> dict[str, Any]:
        answer = client.post(f"/api/appointment/{path}", body)
        assert answer.status_code == status, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def work_list(self) -> dict[int, list[int]]:
        """Map each visit on the work list to the slots that it proposes."""
        rows = self.api.get("/api/appointment/rebooking/").json()["results"]
        return {row["id"]: [slot["id"] for slot in row["alternatives"]] for row in rows}


@pytest.fixture
def clinic(staff: User, client_of: Any) -> Iterator[Clinic]:
    """Return the clinic as it was booked on the Friday before; the clock stands at its 10:00."""
    with time_machine.travel(at("10:00", date(2026, 11, 27)), tick=False) as clock:
        clinic = Clinic(clock, staff, client_of)
        for number, name in enumerate(SIX):
            clinic.book(name, clinic.doctor, f"{9 + number // 2:02}:{number % 2 * 30:02}")
        for name, hour in OF_COLLEAGUE.items():
            clinic.book(name, clinic.colleague, hour)
        yield clinic


def test_a_bad_day(clinic: Clinic) -> None:
    entry = lola_joins_the_line(clinic)
    reception_checks_in_the_wrong_one(clinic)
    the_doctor_falls_ill(clinic)
    ada_is_moved_after_check_in(clinic)
    bruno_is_moved_without_an_account(clinic)
    the_other_four_are_settled(clinic)
    laura_comes_late(clinic)
    lola_gets_the_time_of_xavi(clinic, entry)
    sonia_is_squeezed_in(clinic)
    walter_walks_in(clinic)
    the_day_ends(clinic)
    assert_each_visit_is_as_it_was(clinic)
    assert_each_person_is_served(clinic)
    assert_the_events_say_who_and_why(clinic)


# --- The morning ----------------------------------------------------------------------------------


def lola_joins_the_line(clinic: Clinic) -> int:
    """Lola, who has no account, waits for the colleague's 10:00; reception enters her."""
    answer = clinic.api.post(
        "/api/appointment/waitlist/",
        {
            "doctor": clinic.colleague.pk,
            "from": str(MONDAY),
            "to": str(MONDAY),
            "start_time": "10:00",
            "end_time": "10:30",
            "patient_id": clinic.person("Lola").pk,
        },
    )
    assert answer.status_code == 201, answer.content
    return int(answer.json()["id"])


def reception_checks_in_the_wrong_one(clinic: Clinic) -> None:
    """Ada is at the desk at 08:50, and reception checks in Carla."""
    clinic.clock.move_to(at("08:50"))
    clinic.staff_post("check-in", "Carla")
    assert clinic.patient_post("cancel", "Carla", 409)["code"] == "checked_in"
    undone = clinic.staff_post("undo", "Carla")
    assert (undone["status"], undone["checked_in_at"]) == ("scheduled", None)
    assert clinic.staff_post("undo", "Carla", 409)["code"] == "nothing_to_undo"
    clinic.staff_post("check-in", "Ada")


def the_doctor_falls_ill(clinic: Clinic) -> None:
    """Reception enters the leave at 09:05: the six are on the work list, each with other times."""
    clinic.clock.move_to(at("09:05"))
    leave = {
        "doctor": clinic.doctor.pk,
        "starts_at": at("09:05").isoformat(),
        "ends_at": at("23:00").isoformat(),
        "reason": "Ill",
    }
    assert clinic.api.post("/api/doctor/time-off/", leave).status_code == 201
    listed = clinic.work_list()
    assert list(listed) == [clinic.visits[name] for name in SIX]
    proposed = [slot for slots in listed.values() for slot in slots]
    assert all(listed.values())
    assert len(proposed) == len(set(proposed))


def ada_is_moved_after_check_in(clinic: Clinic) -> None:
    """Ada has checked in and her time has come: with a reason, the colleague sees her at 09:30."""
    clinic.clock.move_to(at("09:07"))
    to = clinic.slot(clinic.colleague, "09:30").pk
    assert clinic.patient_post("cancel", "Ada", 409)["code"] == "checked_in"
    assert clinic.staff_post("reschedule", "Ada", 409, slot_id=to)["code"] == "not_cancelable"
    moved = clinic.staff_post("reschedule", "Ada", slot_id=to, override_reason="The doctor is ill")
    assert (moved["slot_id"], moved["moved"], moved["checked_in_at"]) == (to, True, None)
    assert clinic.staff_post("check-in", "Ada")["checked_in_at"]


def bruno_is_moved_without_an_account(clinic: Clinic) -> None:
    """Reception has Bruno on the phone, and the first time proposed is gone before it is saved."""
    clinic.clock.move_to(at("09:10"))
    row = WorkListItem.objects.get(pk=clinic.visits["Bruno"])
    path = page(row, "change")
    admin = clinic.admin
    form = admin.open(path)
    [lost] = form["decision"]
    assert int(lost) == clinic.work_list()[row.pk][0]
    body = {"slot_id": int(lost)}
    nuria = clinic.client_of(clinic.person("Nuria").user)
    clinic.visits["Nuria"] = clinic.post(nuria, f"book/{clinic.doctor.pk}/", 201, **body)["id"]
    refused = admin.send(path, form)
    assert "no longer free" in form_errors(refused)[0]
    assert clinic.visit("Bruno").slot_id == row.slot_id
    replacement = clinic.work_list()[row.pk][0]
    admin.change(row, decision=str(replacement))
    assert clinic.visit("Bruno").slot_id == replacement


def the_other_four_are_settled(clinic: Clinic) -> None:
    """Reception moves Carla, cancels Elsa's visit, keeps Fermín's; Diego moves by himself."""
    clinic.clock.move_to(at("09:15"))
    to = clinic.work_list()[clinic.visits["Carla"]][0]
    assert clinic.staff_post("rebooking", "Carla", 404, slot_id=to)["code"] == "not_found"
    path = f"rebooking/{clinic.visits['Carla']}/move/"
    assert clinic.post(clinic.api, path, 200, slot_id=to)["slot_id"] == to
    path = f"rebooking/{clinic.visits['Elsa']}/cancel/"
    assert clinic.post(clinic.api, path, 200, reason="The doctor is ill")["status"] == "canceled"
    path = f"rebooking/{clinic.visits['Fermín']}/keep/"
    clinic.post(clinic.api, path, 200, reason="The doctor comes at eleven")
    assert clinic.patient_post("reschedule", "Diego", slot_id=explained(clinic))["moved"] is True
    assert clinic.work_list() == {}


def explained(clinic: Clinic) -> int:
    """Return the colleague's first slot to which Diego's app says that the visit can be moved."""
    answer = clinic.client_of(clinic.person("Diego").user).get(
        f"/api/doctor/doctors/{clinic.colleague.pk}/available-slots/",
        {"explain": "true", "appointment": clinic.visits["Diego"], "date": str(MONDAY)},
    )
    slots = {row["starts_at"][11:16]: row for row in answer.json()["results"]}
    assert [row["reason"] for row in slots.values()] == [
        "past", "full", "full", None, "full", None,
    ]  # fmt: skip
    return int(slots["10:30"]["id"])


# --- The colleague's patients ---------------------------------------------------------------------


def laura_comes_late(clinic: Clinic) -> None:
    """The 09:00 has not come: a no-show at 09:20, who stands at the desk at 09:25."""
    clinic.clock.move_to(at("09:20"))
    done = clinic.admin.act("mark_no_show", clinic.visit("Laura"))
    assert messages_of(done) == ["1 marked as no-show."]
    clinic.clock.move_to(at("09:25"))
    assert clinic.staff_post("check-in", "Laura")["status"] == "scheduled"
    clinic.clock.move_to(at("09:40"))
    assert clinic.staff_post("complete", "Laura")["status"] == "completed"


def lola_gets_the_time_of_xavi(clinic: Clinic, entry: int) -> None:
    """Xavi cancels his 10:00 by app; it is offered to Lola, and reception accepts on the phone."""
    clinic.patient_post("cancel", "Xavi", reason="A cold")
    offered = clinic.api.get(f"/api/appointment/waitlist/{entry}/").json()
    assert offered["status"] == "offered"
    slot = clinic.slot(clinic.colleague, "10:00")
    assert_balanced(slot)
    accepted = clinic.post(clinic.api, f"waitlist/{entry}/accept/", 201)
    assert accepted["slot_id"] == slot.pk
    clinic.visits["Lola"] = accepted["id"]


def sonia_is_squeezed_in(clinic: Clinic) -> None:
    """The colleague sees Sonia beside Yara at 11:00."""
    clinic.clock.move_to(at("10:50"))
    slot, path = clinic.slot(clinic.colleague, "11:00"), f"book/{clinic.colleague.pk}/"
    body: dict[str, Any] = {"slot_id": slot.pk, "patient_id": clinic.person("Sonia").pk}
    assert clinic.post(clinic.api, path, 409, **body)["code"] == "slot_full"
    reason = {"squeeze_in": True, "override_reason": "In pain"}
    clinic.visits["Sonia"] = clinic.post(clinic.api, path, 201, **body, **reason)["id"]
    assert_balanced(slot)


def walter_walks_in(clinic: Clinic) -> None:
    """Walter walks in at 11:35, is entered, and sees the colleague in the session under way."""
    clinic.clock.move_to(at("11:35"))
    add, admin = page(Patient, "add"), clinic.admin
    admin.send(add, admin.open(add), first_name="Walter", last_name="Wald")
    slot, path = clinic.slot(clinic.colleague, "11:30"), f"book/{clinic.colleague.pk}/"
    body = {"slot_id": slot.pk, "patient_id": clinic.person("Walter").pk}
    assert clinic.post(clinic.api, path, 409, **body)["code"] == "slot_in_past"
    booked = clinic.post(clinic.api, path, 201, **body, override_reason="Walked in")
    clinic.visits["Walter"] = booked["id"]
    clinic.staff_post("check-in", "Walter")


# --- The evening ----------------------------------------------------------------------------------


def the_day_ends(clinic: Clinic) -> None:
    """Reception concludes what took place."""
    clinic.clock.move_to(at("12:30"))
    for name in ("Ada", "Diego", "Fermín", "Lola", "Yara", "Sonia", "Walter"):
        assert clinic.staff_post("complete", name)["status"] == "completed"


def assert_each_visit_is_as_it_was(clinic: Clinic) -> None:
    """Assert that there are these visits and no others, each with its true state and events."""
    assert Appointment.objects.count() == len(clinic.visits)
    assert clinic.visits.keys() == HISTORIES.keys()
    for name, history in HISTORIES.items():
        visit = clinic.visit(name)
        kinds = visit.events.order_by("pk").values_list("kind", flat=True)
        assert visit.patient.first_name == name
        assert (visit.status, visit.date, " ".join(kinds)) == history, name
        assert visit.moved is ("rescheduled" in kinds), name


def assert_each_person_is_served(clinic: Clinic) -> None:
    """Assert that the work list and the line are empty, and that no place is lost."""
    assert clinic.work_list() == {}
    assert list(WaitlistEntry.objects.values_list("patient__first_name", "status")) == [
        ("Lola", "accepted")
    ]
    for slot in Slot.objects.all():
        assert_balanced(slot)
    call_command("check_invariants", stdout=StringIO())


def assert_the_events_say_who_and_why(clinic: Clinic) -> None:
    """Assert the role of who acted last, what was undone, and the reason that staff gave."""
    by = {name: clinic.visit(name).events.latest("pk").by for name in ("Diego", "Xavi", "Bruno")}
    assert by == {"Diego": "staff", "Xavi": "patient", "Bruno": "staff"}
    assert clinic.visit("Carla").events.get(kind="undone").undoes == "checked_in"
    reasons = clinic.visit("Ada").events.values_list("override_reason", flat=True)
    assert "The doctor is ill" in reasons
