"""The calendar file of a visit: what it says, and one entry in a calendar from booking to end."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone, translation

from accounts.models import AuditEvent, User
from accounts.tests.mailbox import post
from appointment.calendars.visit import Method, Revision, invitation, visit_file
from appointment.models import Appointment, AppointmentEvent, CalendarFeed
from appointment.tests.factories import AppointmentFactory
from appointment.views.calendars import VisitCalendarView
from doctor.tests.factories import LocationFactory, ScheduleFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.calendars import Subscriber, broken_rules, entries, parsed, unfolded
from tests.problems import assert_problem
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

ADDRESS = "ana+visits@example.com"
# Characters that end a value or a parameter, line ends, and letters of two to four octets.
HARD = 'Centro "Ñ"; a:b, c\\n / 診療所 🏥 ' + "ß" * 70
KINDS = AppointmentEvent.Kind


def path_of(visit: Appointment) -> str:
    return f"/api/appointment/my-appointments/{visit.pk}/calendar.ics"


@pytest.fixture
def visit(patient: Patient) -> Appointment:
    """Return a coming visit at a location with an address, a phone and a deadline."""
    site = LocationFactory(
        name=HARD[:200], address=f"Calle Mayor 1\r\n{HARD}\n28013 Madrid", phone="+34910123456",
        cancel_deadline_minutes=120,
    )  # fmt: skip
    slot = ScheduleFactory(location=site).slots.earliest("starts_at")
    booked: Appointment = AppointmentFactory(patient=patient, slot=slot, reason="Knee pain")
    return booked


@pytest.mark.parametrize("method", Method)
def test_a_file_keeps_the_rules_of_its_method_whatever_the_texts_hold(
    visit: Appointment, method: Method
) -> None:
    if method == Method.CANCEL:
        visit.cancel()
    address = "" if method == Method.PUBLISH else ADDRESS
    content = visit_file(visit, method, Revision.of(visit), address)
    [event] = entries(content)
    assert event.location.value.startswith(visit.location.name)
    assert event.location.value.endswith(", 28013 Madrid")
    assert event.summary.value == f"Visit, {visit.doctor.name}, {visit.location.name}"
    assert event.dtstart.value == visit.starts_at
    assert event.dtend.value == visit.ends_at
    assert getattr(event, "class").value == "PRIVATE"
    assert event.organizer.value == "mailto:clinic@example.com"
    if address:
        assert event.attendee.value == f"mailto:{ADDRESS}"
        assert event.attendee.params["PARTSTAT"] == ["ACCEPTED"]


def test_no_control_character_of_a_stored_text_comes_into_a_file(visit: Appointment) -> None:
    hidden = "".join(map(chr, (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202E)))
    for row, field in (
        (visit.location, "name"),
        (visit.location, "address"),
        (visit.doctor, "last_name"),
        (visit.patient, "first_name"),
    ):
        setattr(row, field, f"a{hidden}b\r\nX-EVIL:1")
    visit.patient.is_dependent = True
    content = visit_file(visit, Method.PUBLISH, Revision.of(visit))
    [event] = entries(content)
    assert event.organizer.params["CN"] == ["a b X-EVIL:1"]
    assert content.decode().splitlines() == content.decode().split("\r\n")[:-1]
    assert not any(line.startswith("X-EVIL") for line in unfolded(content))


def test_the_checker_notices_broken_rules(visit: Appointment) -> None:
    good = visit_file(visit, Method.REQUEST, Revision.of(visit), ADDRESS)
    broken = {
        "CRLF": good.replace(b"\r\n", b"\n", 1),
        "75 octets": good.replace(b"\r\n ", b"", 1),
        "zones": good.replace(b"TZID:Europe/Madrid", b"TZID:Europe/Paris"),
        "attendee": visit_file(visit, Method.REQUEST, Revision.of(visit)),
        "PUBLISH with": good.replace(b"METHOD:REQUEST", b"METHOD:PUBLISH"),
        "CANCEL of": good.replace(b"METHOD:REQUEST", b"METHOD:CANCEL"),
        "dtstamp": good.replace(b"DTSTAMP", b"X-STAMP"),
        "organizer": good.replace(b"ORGANIZER", b"X-ORGANIZER"),
        "sequence": good.replace(b"SEQUENCE", b"X-SEQUENCE"),
        "prodid": good.replace(b"PRODID", b"X-PRODID"),
    }
    for rule, content in broken.items():
        assert any(rule in fault for fault in broken_rules(content)), rule


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Madrid", "2027-03-28 03:00"),  # the minute after the spring gap
        ("Europe/Madrid", "2027-10-31 01:00"),  # before the hour that comes twice
        ("America/Sao_Paulo", "2027-01-04 09:00"),
        ("Asia/Kolkata", "2027-01-04 09:30"),
    ],
)
def test_an_entry_is_on_the_wall_clock_of_the_location(zone: str, start: str) -> None:
    at = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    visit = AppointmentFactory()
    visit.location.time_zone = zone
    visit.starts_at, visit.ends_at = at, at + timedelta(minutes=30)
    content = visit_file(visit, Method.PUBLISH, Revision.of(visit))
    assert f"DTSTART;TZID={zone}:{at:%Y%m%dT%H%M%S}\r\n".encode() in content
    assert entries(content)[0].dtstart.value == at


def test_an_entry_says_how_to_cancel_until_when_and_nothing_of_the_visits_reason(
    visit: Appointment,
) -> None:
    content = visit_file(visit, Method.REQUEST, Revision.of(visit), ADDRESS)
    until = entries(content)[0].description.value.splitlines()[-1]
    assert "+34 910 12 34 56" in entries(content)[0].description.value
    assert until.startswith("This is possible until ")
    assert f"{visit.starts_at.astimezone(visit.location.zone) - timedelta(hours=2):%H:%M}" in until
    for secret in (b"Knee", visit.patient.first_name.encode(), visit.patient.last_name.encode()):
        assert secret not in content


@pytest.mark.parametrize(
    ("account", "phone", "text"),
    [
        (True, "+34910123456", "sign in to your account or call +34 910 12 34 56."),
        (True, "", "sign in to your account."),
        (False, "+34910123456", "call +34 910 12 34 56."),
        (False, "", "speak to the reception."),
    ],
)
def test_the_way_to_cancel_is_one_that_the_patient_has(
    account: bool, phone: str, text: str
) -> None:
    patient = PatientFactory() if account else PatientFactory(user=None)
    visit = AppointmentFactory(patient=patient, slot=a_slot(LocationFactory(phone=phone)))
    [event] = entries(visit_file(visit, Method.PUBLISH, Revision.of(visit)))
    first = event.description.value.splitlines()[0]
    assert first == f"To cancel or move this visit, {text}"


def a_slot(location: Any = None) -> Any:
    return ScheduleFactory(location=location or LocationFactory()).slots.first()


def test_the_visit_of_a_dependent_says_for_whom_it_is_in_the_description_alone() -> None:
    visit = AppointmentFactory(patient=DependentFactory(first_name="Leo", last_name="Paz"))
    [event] = entries(visit_file(visit, Method.PUBLISH, Revision.of(visit)))
    assert event.description.value.startswith("For Leo.\n")
    assert "Leo" not in event.summary.value
    assert "Paz" not in event.serialize()
    visit.patient.first_name, visit.patient.last_name = "", "Bo"  # a person with one name
    [event] = entries(visit_file(visit, Method.PUBLISH, Revision.of(visit)))
    assert event.description.value.startswith("For Bo.\n")


def test_the_sequence_counts_changes_of_time_place_and_standing_alone(
    visit: Appointment, staff: User
) -> None:
    seen = [Revision.of(visit)]
    for kind, undoes in (
        (KINDS.AMENDED, ""),
        (KINDS.CALLED, ""),
        (KINDS.KEPT, ""),
        (KINDS.CHECKED_IN, ""),
        (KINDS.UNDONE, KINDS.CHECKED_IN),
        (KINDS.COMPLETED, ""),
        (KINDS.NO_SHOW, ""),
    ):
        visit.events.create(kind=kind, undoes=undoes, to_status="scheduled")
        assert Revision.of(visit) == seen[0] == (0, visit.created_at), kind
    for kind, undoes in (
        (KINDS.RESCHEDULED, ""),
        (KINDS.ZONE_CHANGED, ""),
        (KINDS.CANCELED, ""),
        (KINDS.UNDONE, KINDS.CANCELED),
    ):
        event = visit.events.create(kind=kind, undoes=undoes, to_status="scheduled")
        seen.append(Revision.of(visit))
        assert seen[-1] == (len(seen) - 1, event.at), kind
    assert Revision.of(visit, visit.events.get(kind=KINDS.RESCHEDULED).pk) == seen[1]


def test_the_uid_outlives_a_move_and_new_settings_and_differs_by_visit(
    visit: Appointment, settings: Any
) -> None:
    first = uid_in(visit)
    settings.DEFAULT_FROM_EMAIL, settings.SECRET_KEY = "other@example.com", "x" * 50
    visit.reschedule(visit.slot.schedule.slots.last())
    assert uid_in(Appointment.objects.with_names().get(pk=visit.pk)) == first
    assert uid_in(AppointmentFactory()) != first


def uid_in(visit: Appointment) -> str:
    return str(entries(visit_file(visit, Method.PUBLISH, Revision.of(visit)))[0].uid.value)


def test_an_invitation_follows_the_visit_in_one_statement(visit: Appointment) -> None:
    with counted_statements() as statements:
        method, content = invitation(visit, "a b?c@example.com")
    assert (method, len(statements)) == ("REQUEST", 1)
    assert entries(content)[0].attendee.value == "mailto:a%20b%3Fc@example.com"
    visit.cancel()
    method, content = invitation(visit, ADDRESS)
    assert (method, parsed(content).method.value) == ("CANCEL", "CANCEL")
    assert entries(content)[0].description.value == "This visit has been canceled."


def test_mails_read_in_any_order_leave_the_entry_that_file_and_feed_show(
    patient: Patient, staff: User, client_of: Any, noon: Any
) -> None:
    patient.user.revise(email_verified_at=noon)
    slots = ScheduleFactory(date=day_ahead(3)).slots.order_by("starts_at")
    visit = Appointment(patient=patient, slot=slots[0], booked_by=patient.user).book()
    client, feed = client_of(patient.user), CalendarFeed.objects.make(patient.user)
    mails = [mailed()]
    for change in (
        lambda: visit.reschedule(slots[1], by=staff),
        lambda: visit.reschedule(slots[0], by=staff),
        lambda: visit.cancel(by=staff),
        lambda: visit.undo(by=staff),
    ):
        change()
        mails.append(mailed())
        shown = [client.get(path).content for path in (path_of(visit), path_of_feed(feed))]
        assert {facts_in(each) for each in shown} == {facts_in(mails[-1])}
    assert [int(facts_in(each)[1]) for each in mails] == [0, 1, 2, 3, 4]
    for order in (mails, mails[::-1], mails[3:] + mails[:3], mails[::2] + mails[1::2]):
        calendar = Subscriber()
        for mail in order:
            calendar.take(mail)
        assert [facts_of(entry) for entry in calendar.kept.values()] == [facts_in(mails[-1])]


def mailed() -> bytes:
    """Send the one mail that is due; return its calendar file."""
    [message] = post()
    [(_, content, _)] = message.attachments
    return bytes(content)


def path_of_feed(feed: CalendarFeed) -> str:
    return f"/api/appointment/calendar-feeds/{feed.secret}.ics"


def facts_in(content: bytes) -> tuple[Any, ...]:
    [entry] = entries(content)
    return facts_of(entry)


def facts_of(entry: Any) -> tuple[Any, ...]:
    fields = (entry.uid, entry.sequence, entry.dtstamp, entry.dtstart, entry.dtend, entry.status)
    return tuple(field.value for field in fields)


# --- The endpoint ---------------------------------------------------------------------------------


def test_a_patients_calendar_has_one_entry_that_is_moved_and_then_gone(
    patient: Patient, client_of: Any
) -> None:
    client, calendar = client_of(patient.user), Subscriber()
    first, second = ScheduleFactory().slots.order_by("starts_at")[:2]
    answer = client.post(f"/api/appointment/book/{first.doctor_id}/", {"slot_id": first.pk})
    visit = Appointment.objects.get(pk=answer.json()["id"])
    seen: list[tuple[Any, ...]] = []

    def look() -> None:
        calendar.take(client.get(path_of(visit)).content)
        seen.append((len(calendar.kept), *calendar.sequences.values()))

    look()
    client.post(f"/api/appointment/reschedule/{visit.pk}/", {"slot_id": second.pk})
    look()
    [kept] = calendar.kept.values()
    assert kept.dtstart.value == second.starts_at
    client.post(f"/api/appointment/cancel/{visit.pk}/", {})
    look()
    assert seen == [(1, 0), (1, 1), (0, 2)]


def test_a_client_that_has_the_file_gets_304_until_the_visit_changes(
    visit: Appointment, client_of: Any
) -> None:
    client = client_of(visit.patient.user)
    answer = client.get(path_of(visit), HTTP_ACCEPT="text/calendar")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="visit-{visit.pk}.ics"'
    assert answer["Cache-Control"] == "private, no-cache"
    known = {"HTTP_IF_NONE_MATCH": answer["ETag"]}
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        same = client.get(path_of(visit), **known)
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", answer["ETag"])
    visit.cancel()
    changed = client.get(path_of(visit), **known)
    assert (changed.status_code, parsed(changed.content).method.value) == (200, "CANCEL")
    reads = AuditEvent.objects.filter(action="read", object_id=visit.pk, outcome="allowed")
    assert reads.count() == 3


def test_a_file_has_the_time_and_the_sequence_of_one_moment(
    visit: Appointment, client_of: Any, monkeypatch: Any
) -> None:
    start, last = visit.starts_at, visit.slot.schedule.slots.last()

    def move(*_: Any) -> None:
        Appointment.objects.get(pk=visit.pk).reschedule(last)

    client = client_of(visit.patient.user)
    monkeypatch.setattr(VisitCalendarView, "record_read", move)
    [event] = entries(client.get(path_of(visit)).content)
    assert (event.dtstart.value, event.sequence.value) == (start, "0")


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json", "image/png", ""])
def test_no_accept_header_is_refused_and_an_error_is_a_problem(
    visit: Appointment, client_of: Any, accept: str
) -> None:
    client = client_of(visit.patient.user)
    answer = client.get(path_of(visit), HTTP_ACCEPT=accept)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    stranger = client_of(PatientFactory().user)
    assert_problem(stranger.get(path_of(visit), HTTP_ACCEPT=accept), 404, "not_found")


def test_texts_are_in_the_patients_language(visit: Appointment, client_of: Any) -> None:
    client = client_of(visit.patient.user)
    visit.patient.user.revise(language="es")
    assert client.get(path_of(visit), HTTP_ACCEPT_LANGUAGE="en")["Content-Language"] == "es"
    visit.patient.user.revise(language="en")
    visit.patient.revise(preferred_language="es-MX")
    answer = client.get(path_of(visit))
    assert answer["Content-Language"] == "es"
    assert entries(answer.content)[0].summary.value.startswith("Cita, ")
    with translation.override("es"):
        _, content = invitation(visit, ADDRESS)
    assert "Para cancelar o cambiar" in entries(content)[0].description.value
