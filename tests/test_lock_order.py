"""Every verb locks in one order, so that no two wait for each other.

The tests read the order from the SQL of each verb, since a race meets a wrong order only now and
then. They run on PostgreSQL alone, since SQLite has one lock for all.
"""

import re
from collections.abc import Callable
from datetime import time, timedelta
from functools import partial
from threading import Event
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.factories import PASSWORD, SuperuserFactory, UserFactory
from appointment.models import Appointment, Offer
from appointment.tests.factories import AppointmentFactory
from doctor.models import TimeOff, WeeklyHours
from doctor.models.hours_preview import preview_deletion
from doctor.models.week import Week, WeekSession
from doctor.tests.factories import (
    DoctorFactory,
    LocationFactory,
    ScheduleFactory,
    TimeOffFactory,
    WeeklyHoursFactory,
)
from patient.models import Patient
from patient.tests.factories import DependentFactory, MedicalHistoryFactory, PatientFactory
from tests.threads import SECONDS, becomes_true, elsewhere, run_together, somebody_waits
from tests.waitlist_verbs import (
    booking_in_line,
    cancel_for_waitlist,
    ending_an_account,
    joining,
    of_a_replaced_visit,
    of_an_offer,
)

pytestmark = [pytest.mark.django_db, pytest.mark.only_on("postgres")]

ORDER = [
    "accounts_user",
    "doctor_location",
    "doctor_doctor",
    "patient_patient",
    "doctor_slot",
    "appointment_waitlistentry",
    "appointment_appointment",
]
LOCK = re.compile(r'^SELECT .*? FROM "(\w+)" .*FOR (NO KEY )?UPDATE', re.DOTALL)
BY_KEY = re.compile(  # LIMIT: one row needs no order; ORDER BY 1: Django's form for a lone column
    r'ORDER BY "\w+"\."id" ASC|^SELECT "\w+"\."id" AS "pk" FROM .* ORDER BY 1 ASC|LIMIT (1|21)\b'
)
# With the place of a slot, its UPDATE is the first part of the statement that writes the visit.
WRITE = re.compile(r'^(?:WITH \w+ AS \()?(?:UPDATE|DELETE FROM) "(\w+)"')
LOCKED = re.compile(r'FOR NO KEY UPDATE OF ("\w+"(?:, "\w+")+)')
Verb = Callable[[], object]


def statements(verb: Verb) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        verb()
    return [query["sql"] for query in captured]


def touched_by(verb: Verb) -> list[str]:
    """Return the first `lock <table>` or `change <table>` of each table of ORDER, as they come."""
    touched: dict[str, str] = {}
    for sql in statements(verb):
        if several := LOCKED.search(sql):  # PostgreSQL locks the rows in this order
            for table in re.findall(r"\w+", several[1]):
                touched.setdefault(table, f"lock {table}")
            continue
        for how, pattern in (("lock", LOCK), ("change", WRITE)):
            if match := pattern.match(sql):
                touched.setdefault(match[1], f"{how} {match[1]}")
    return [touch for table, touch in touched.items() if table in ORDER]


def booking() -> Verb:
    slot, patient = ScheduleFactory().slots.first(), PatientFactory()
    return Appointment(patient=patient, slot=slot).book


def own_booking() -> Verb:
    slot, patient = ScheduleFactory().slots.first(), PatientFactory()
    book = Appointment.objects.book_own
    return lambda: book(patient.user, slot.doctor_id, schedule_id=slot.schedule_id)


def booking_as_staff(*, squeeze_in: bool = False) -> Verb:
    slot, patient, staff = AppointmentFactory().slot, PatientFactory(), SuperuserFactory()
    wanted = slot if squeeze_in else slot.schedule.slots.last()
    how = {"override_reason": "A burn", "squeeze_in": squeeze_in}
    book = partial(Appointment.objects.book_own, staff, slot.doctor_id, slot_id=wanted.pk)
    return lambda: book(patient_id=patient.pk, **how)


def rescheduling() -> Verb:
    visit, to = AppointmentFactory(), ScheduleFactory().slots.first()
    return lambda: visit.reschedule(to=to)


def publishing() -> Verb:
    schedule = ScheduleFactory.build(doctor=DoctorFactory(), location=LocationFactory())
    return schedule.publish


def revising() -> Verb:
    schedule, doctor = AppointmentFactory().slot.schedule, DoctorFactory()
    schedule.slots.get(taken=1).appointments.get().cancel()
    return lambda: schedule.revise(slot_minutes=60, doctor=doctor, location=LocationFactory())


def hours_of_a_visit() -> tuple[WeeklyHours, Appointment]:
    """Make weekly hours and a visit in their second session."""
    hours = WeeklyHoursFactory()
    slot = hours.schedules.order_by("date")[1].slots.first()
    return hours, AppointmentFactory(slot=slot)


def publishing_hours() -> Verb:
    hours = WeeklyHoursFactory.build(doctor=DoctorFactory(), location=LocationFactory())
    return hours.publish


def moving_hours() -> Verb:
    hours, _ = hours_of_a_visit()
    changes = {"doctor": DoctorFactory(), "location": LocationFactory(), "start_time": time(8)}
    return lambda: hours.revise(keep=True, **changes)


def next_version() -> Verb:
    hours, visit = hours_of_a_visit()
    changes = {"doctor": DoctorFactory(), "location": LocationFactory(), "start_time": time(8)}
    day = visit.starts_at.date() - timedelta(days=1)
    return lambda: hours.add_version(day, keep=True, **changes)


def previewing_a_deletion() -> Verb:
    hours, _ = hours_of_a_visit()
    return lambda: preview_deletion(hours, timezone.now())


def ending_hours() -> Verb:
    hours, visit = hours_of_a_visit()
    visit.cancel()
    return hours.unpublish


def changing_a_week() -> Verb:
    """Prepare a change that ends one session, changes another and adds a third."""
    hours, visit = hours_of_a_visit()
    day, at = visit.starts_at.date(), timezone.now()
    WeeklyHoursFactory(
        doctor=hours.doctor, location=hours.location, weekday=(hours.weekday + 1) % 7
    )
    wanted = [
        WeekSession(hours.weekday, time(start), time(end), 30, 1)
        for start, end in ((10, 11), (14, 15))
    ]
    week = Week(hours.doctor, hours.location)
    return lambda: week.change(day, wanted, at=at, keep=True)


def extending_hours() -> Verb:
    hours, at = WeeklyHoursFactory(), timezone.now()
    return lambda: WeeklyHours.objects.extend(hours.doctor_id, 200, at)


def closing() -> Verb:
    doctor = ScheduleFactory().doctor
    doctor.accepts_patients = False
    return doctor.publish


def going_away() -> Verb:
    span = {"starts_at": timezone.now(), "ends_at": timezone.now() + timedelta(days=9)}
    return TimeOff(doctor=AppointmentFactory().doctor, **span).publish


def closing_a_place() -> Verb:
    visit, other = AppointmentFactory(), LocationFactory()
    leave = TimeOffFactory(doctor=visit.doctor)
    return lambda: leave.revise(doctor=None, location=other)


def closing_days() -> Verb:
    visit, other = AppointmentFactory(), LocationFactory()
    days = {visit.date: "Epiphany"}
    return lambda: TimeOff.objects.close_days({visit.location: days, other: days}, timezone.now())


def reopening_days() -> Verb:
    visit = AppointmentFactory()
    at, days = timezone.now(), {visit.date: "Epiphany"}
    TimeOff.objects.close_days({visit.location: days, LocationFactory(): days}, at)
    return lambda: TimeOff.objects.reopen(at)


def coming_back() -> Verb:
    leave = TimeOffFactory(location=LocationFactory())
    ScheduleFactory(location=leave.location)
    return leave.unpublish


def erasing() -> Verb:
    visit = AppointmentFactory()
    MedicalHistoryFactory(patient=visit.patient)
    return visit.patient.erase


def closing_an_account() -> Verb:
    visit = AppointmentFactory()
    DependentFactory(user=visit.patient.user)
    return lambda: visit.patient.user.close(PASSWORD)


def amending() -> Verb:
    visit = AppointmentFactory()
    return lambda: visit.amend("Test results")


def undoing() -> Verb:
    visit = AppointmentFactory()
    visit.complete(at=visit.starts_at)
    return visit.undo


def undoing_after_an_offer() -> Verb:
    """Return the undo of a cancelation whose place was offered, once the offer has lapsed."""
    cancel_for_waitlist()()
    visit, offer = Appointment.objects.get(status="canceled"), Offer.objects.get()
    return lambda: visit.undo(at=offer.hold_until)


def coming_late() -> Verb:
    visit, clerk = AppointmentFactory(), SuperuserFactory()
    visit.mark_no_show(at=visit.starts_at)
    return lambda: visit.check_in(by=clerk, at=visit.starts_at)


def keeping() -> Verb:
    visit = AppointmentFactory()
    TimeOffFactory(doctor=visit.doctor)
    return lambda: visit.keep("The doctor comes.")


def enrolling() -> Verb:
    patient = PatientFactory.build(user=UserFactory())
    return patient.enroll


def moving() -> Verb:
    location = LocationFactory()
    location.time_zone = "America/New_York"
    return location.publish


def of_a_visit(verb: str, after: timedelta = timedelta(0)) -> Callable[[], Verb]:
    def prepared() -> Verb:
        visit = AppointmentFactory()
        return lambda: getattr(visit, verb)(at=visit.starts_at + after)

    return prepared


BEFORE = -timedelta(hours=1)
USER, PATIENT = "lock accounts_user", "lock patient_patient"
CALENDAR = ["lock doctor_location", "lock doctor_doctor"]
SLOTS, LINE = "lock doctor_slot", "lock appointment_waitlistentry"
VISIT = "appointment_appointment"

VERBS: dict[str, tuple[Callable[[], Verb], list[str]]] = {
    "book": (booking, [USER, PATIENT, "change doctor_slot"]),
    "book_own": (own_booking, [USER, PATIENT, "change doctor_slot"]),
    "book, as staff": (booking_as_staff, [USER, PATIENT, "change doctor_slot"]),
    "squeeze in": (partial(booking_as_staff, squeeze_in=True), [USER, PATIENT, SLOTS]),
    "reschedule": (rescheduling, [USER, PATIENT, SLOTS, f"change {VISIT}"]),
    "cancel": (of_a_visit("cancel", BEFORE), [SLOTS, f"change {VISIT}"]),
    "complete": (of_a_visit("complete"), [f"change {VISIT}"]),
    "mark_no_show": (of_a_visit("mark_no_show"), [f"change {VISIT}"]),
    "amend": (amending, [f"change {VISIT}"]),
    "check_in": (of_a_visit("check_in"), [f"change {VISIT}"]),
    "check_in, late": (coming_late, [USER, PATIENT, SLOTS, f"change {VISIT}"]),
    "undo": (undoing, [USER, PATIENT, SLOTS, LINE, f"change {VISIT}"]),
    "undo, offered": (undoing_after_an_offer, [USER, PATIENT, SLOTS, LINE, f"change {VISIT}"]),
    "keep": (keeping, [SLOTS, f"change {VISIT}"]),
    "discard": (lambda: AppointmentFactory().discard, [SLOTS, f"lock {VISIT}"]),
    "erase": (erasing, [USER, PATIENT, SLOTS, LINE, f"lock {VISIT}"]),
    "close": (closing_an_account, [USER, PATIENT, SLOTS, LINE, f"lock {VISIT}"]),
    "cancel, offered": (cancel_for_waitlist, [SLOTS, LINE, f"change {VISIT}"]),
    "join": (joining, [USER, PATIENT]),
    "accept": (of_an_offer("accept"), [USER, PATIENT, SLOTS, LINE]),
    "decline": (of_an_offer("decline"), [SLOTS, LINE]),
    "leave": (of_an_offer("leave"), [SLOTS, LINE]),
    "erase, offered": (of_an_offer("erase"), [USER, PATIENT, SLOTS, LINE, f"lock {VISIT}"]),
    "accept, replaces": (
        of_a_replaced_visit("accept"),
        [USER, PATIENT, SLOTS, LINE, f"change {VISIT}"],
    ),
    "cancel, replaced": (of_a_replaced_visit("cancel"), [SLOTS, LINE, f"change {VISIT}"]),
    "complete, replaced": (of_a_replaced_visit("complete"), [SLOTS, LINE, f"change {VISIT}"]),
    "book, in line": (booking_in_line, [USER, PATIENT, SLOTS, LINE]),
    "account.end": (ending_an_account, [USER, SLOTS, LINE]),
    "enroll": (enrolling, [USER]),
    "publish": (publishing, [*CALENDAR, SLOTS]),
    "revise": (revising, [*CALENDAR, SLOTS, f"change {VISIT}"]),
    "unpublish": (lambda: ScheduleFactory().unpublish, [*CALENDAR, SLOTS, f"change {VISIT}"]),
    "hours.publish": (publishing_hours, [*CALENDAR, SLOTS]),
    "hours.revise": (moving_hours, [*CALENDAR, SLOTS, f"change {VISIT}"]),
    "hours.add_version": (next_version, [*CALENDAR, SLOTS, f"change {VISIT}"]),
    "hours.preview": (previewing_a_deletion, [*CALENDAR, SLOTS, f"change {VISIT}"]),
    "hours.unpublish": (ending_hours, [*CALENDAR, SLOTS, f"change {VISIT}"]),
    "hours.extend": (extending_hours, [*CALENDAR, SLOTS]),
    "week.change": (changing_a_week, [*CALENDAR, SLOTS, f"change {VISIT}"]),
    "doctor.publish": (closing, ["lock doctor_doctor", SLOTS, f"change {VISIT}"]),
    "doctor.revise": (lambda: DoctorFactory().revise, ["lock doctor_doctor", SLOTS]),
    "leave.publish": (going_away, ["lock doctor_doctor", SLOTS, f"change {VISIT}"]),
    "leave.revise": (closing_a_place, [*CALENDAR, SLOTS, f"change {VISIT}"]),
    "leave.unpublish": (coming_back, ["lock doctor_location", SLOTS, f"change {VISIT}"]),
    "leave.close_days": (closing_days, ["lock doctor_location", SLOTS, f"change {VISIT}"]),
    "leave.reopen": (reopening_days, ["lock doctor_location", SLOTS, f"change {VISIT}"]),
    "location.publish": (moving, ["lock doctor_location"]),
    "location.revise": (lambda: LocationFactory().revise, ["lock doctor_location"]),
}


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_touches_these_tables_in_this_order(name: str) -> None:
    prepare, touches = VERBS[name]
    tables = [touch.split()[1] for touch in touches]
    assert tables == sorted(tables, key=ORDER.index)
    assert touched_by(prepare()) == touches


@pytest.mark.parametrize("name", VERBS)
def test_rows_are_locked_by_key_and_without_stopping_foreign_keys(name: str) -> None:
    locks = [sql for sql in statements(VERBS[name][0]()) if LOCK.match(sql)]
    assert [sql for sql in locks if "FOR NO KEY UPDATE" not in sql] == []
    assert [sql for sql in locks if not BY_KEY.search(sql)] == []


def first(sql: list[str], pattern: re.Pattern[str], table: str) -> int:
    """Return the index of the first statement that matches and names the table."""
    return next(n for n, each in enumerate(sql) if pattern.match(each) and f'"{table}"' in each)


def keys(sql: str) -> set[int]:
    """Return the primary keys that a statement names."""
    return set(map(int, re.findall(r"\d+", sql.partition(" IN (")[2].partition(")")[0])))


@pytest.mark.parametrize("verb", ["revise", "unpublish"])
def test_a_session_is_locked_before_its_calendars(verb: str) -> None:
    """Otherwise the session could change its calendar while the verb waits for the old one."""
    sql = statements(VERBS[verb][0]())
    assert first(sql, LOCK, "doctor_schedule") < first(sql, LOCK, "doctor_location")


@pytest.mark.parametrize(
    "name", ["hours.revise", "hours.add_version", "hours.unpublish", "hours.extend", "week.change"]
)
def test_hours_and_their_sessions_are_locked_before_their_calendars(name: str) -> None:
    """A member of staff who edits a session by hand locks it before its calendar, too."""
    sql = statements(VERBS[name][0]())
    calendar = first(sql, LOCK, "doctor_location")
    assert first(sql, LOCK, "doctor_weeklyhours") < calendar
    if name != "hours.extend":  # extend changes no session
        assert first(sql, LOCK, "doctor_schedule") < calendar


def test_the_calendars_that_a_session_leaves_and_comes_to_are_locked_together() -> None:
    schedule, doctor, location = ScheduleFactory(), DoctorFactory(), LocationFactory()
    before = schedule.doctor_id, schedule.location_id
    schedule.doctor, schedule.location = doctor, location
    sql = statements(schedule.publish)
    assert keys(sql[first(sql, LOCK, "doctor_doctor")]) == {before[0], doctor.pk}
    assert keys(sql[first(sql, LOCK, "doctor_location")]) == {before[1], location.pk}


def test_a_doctors_slots_are_locked_before_the_doctor_is_written() -> None:
    """Otherwise the verb and a booking could wait for each other.

    A new license number, a unique column, locks the doctor against foreign-key checks. A booking
    that holds a slot would then wait for the doctor.
    """
    sql = statements(closing())
    assert first(sql, LOCK, "doctor_slot") < first(sql, WRITE, "doctor_doctor")


def test_a_session_is_read_again_once_its_calendars_are_locked() -> None:
    sql = statements(revising())
    read = next(n for n, each in enumerate(sql) if '"doctor_schedule"."capacity"' in each)
    assert first(sql, LOCK, "doctor_doctor") < read


def test_all_slots_of_a_person_are_locked_in_one_statement() -> None:
    patient = PatientFactory()
    starts = (time(8), time(12), time(16))
    slots = [
        ScheduleFactory(start_time=at, end_time=time(at.hour + 1)).slots.first() for at in starts
    ]
    for slot in slots:
        AppointmentFactory(patient=patient, slot=slot)
    sql = statements(patient.erase)
    assert keys(sql[first(sql, LOCK, "doctor_slot")]) == {slot.pk for slot in slots}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("held", ["accounts_user", "patient_patient"])
def test_one_statement_locks_the_account_and_then_the_patient(held: str) -> None:
    """PostgreSQL takes the two locks in the order in which the statement names the tables."""
    patient = PatientFactory()
    keys = {"accounts_user": patient.user_id, "patient_patient": patient.pk}

    def is_free(cursor: Any, table: str) -> bool:
        locking = f"SELECT 1 FROM {table} WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED"
        cursor.execute(locking, [keys[table]])
        return bool(cursor.fetchone())

    def hold() -> tuple[bool, ...]:
        with elsewhere() as one, elsewhere() as another:
            assert is_free(one.cursor(), held)
            held_at.set()
            assert becomes_true(somebody_waits)
            return tuple(is_free(another.cursor(), table) for table in keys)

    def lock() -> None:
        assert held_at.wait(SECONDS)
        with transaction.atomic():
            Patient.objects.lock(patient.pk)

    held_at = Event()
    calls: list[Callable[[], object]] = [hold, lock]
    free, locked = run_together(2, lambda number: calls[number]())
    assert locked is None
    # Whoever waits for the account has not locked the patient; whoever waits for the patient has
    # locked the account.
    assert free == ((False, True) if held == "accounts_user" else (False, False))
