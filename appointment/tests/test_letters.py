"""What a mail about a visit says: in whose language, what is safe to read, and how to answer."""

import re
from datetime import timedelta
from email import message_from_bytes
from html.parser import HTMLParser
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import OutgoingMessage
from accounts.tests.mailbox import post
from appointment.messages.history import News
from appointment.messages.letters import letter_of, offer_letter
from appointment.models import Appointment, AppointmentEvent, Offer
from appointment.tests.factories import WaitlistEntryFactory
from doctor.models import TimeOff
from doctor.tests.factories import DoctorFactory, LocationFactory, ScheduleFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import DependentFactory
from tests.calendars import parsed

pytestmark = pytest.mark.django_db

EVIL = "Clinic\r\nBcc: eve@example.com \u202etxet <b>&amp;"


@pytest.fixture
def visit(patient: Patient, noon: Any) -> Any:
    patient.user.revise(email_verified_at=noon)
    place = LocationFactory(
        name="Clínica Centro", address="Calle Mayor 1\n28013 Madrid", time_zone="Europe/Madrid"
    )
    place.revise(phone="+34910123456", cancel_deadline_minutes=1440, country="ES")
    session = ScheduleFactory(date=day_ahead(3), location=place, doctor=DoctorFactory(title="Dr."))
    slot, user = session.slots.first(), patient.user
    visit = Appointment(patient=patient, slot=slot, booked_by=user, reason="Knee pain")
    return visit.book()


def text_of(message: Any) -> str:
    return " ".join(str(message.body).split())


def html_of(message: Any) -> str:
    [html] = [part.content for part in message.alternatives if part.mimetype == "text/html"]
    return str(html)


def test_a_mail_says_who_when_where_and_how_to_answer(visit: Any, settings: Any) -> None:
    [message] = post()
    when = f"{visit.starts_at.day} {visit.starts_at:%b %Y}, 09:00"
    assert when in message.subject
    assert "Clínica Centro" in message.subject
    before = visit.starts_at - timedelta(days=1)
    for part in (
        f"{when}-09:30 CET",
        visit.doctor.name,
        "Calle Mayor 1",
        "28013 Madrid",
        "+34 910 12 34 56",
        f"call +34 910 12 34 56, until {before:%a} {before.day} ",
    ):
        assert part in text_of(message), part
    for secret in ("Knee", visit.patient.last_name, str(visit.doctor.license_number)):
        assert secret not in str(message.message()), "neither what is wrong, nor who it is"
    assert max(map(len, str(message.body).splitlines())) <= 78
    assert message.message()["Auto-Submitted"] == "auto-generated"


def test_a_mail_links_to_the_page_of_the_visit(visit: Any, settings: Any) -> None:
    settings.LINK_URL = "https://clinic.example"
    [message] = post()
    text, link = text_of(message), f"https://clinic.example/visits/{visit.pk}"
    assert "To move or cancel it, use the link above or call +34 910 12 34 56, until " in text
    assert "After that, please call +34 910 12 34 56 if you cannot come." in text
    assert link in str(message.body).splitlines()
    assert f'href="{link}"' in html_of(message)


@pytest.mark.parametrize(
    ("preferred", "account", "default", "first"),
    [
        ("es-MX", "en", "en", "Su cita está reservada"),
        ("de", "es", "en", "Su cita está reservada"),
        ("", "es", "en", "Su cita está reservada"),
        ("", "", "es", "Su cita está reservada"),
        ("en", "es", "es", "Your visit is booked"),
    ],
)
def test_a_mail_is_in_the_language_of_the_patient_then_of_the_account(
    visit: Any, settings: Any, preferred: str, account: str, default: str, first: str
) -> None:
    visit.patient.revise(preferred_language=preferred)
    visit.patient.user.revise(language=account)
    settings.LANGUAGE_CODE = default
    [message] = post()
    assert str(message.body).splitlines()[0] == first
    language = "es" if first.startswith("Su") else "en"
    assert f'<html lang="{language}"' in html_of(message)


def test_a_mail_about_a_dependent_is_in_the_language_of_the_owner(visit: Any) -> None:
    visit.patient.revise(preferred_language="es")
    child = DependentFactory(user=visit.patient.user, preferred_language="")
    Appointment.objects.filter(pk=visit.pk).update(patient=child)
    [message] = post()
    assert '<html lang="es"' in html_of(message)


def test_what_people_type_can_neither_add_a_header_nor_turn_the_text(visit: Any) -> None:
    type(visit.location).objects.filter(pk=visit.location_id).update(name=EVIL, address=EVIL)
    type(visit.doctor).objects.filter(pk=visit.doctor_id).update(first_name="<script>\u2066")
    [message] = post()
    sent = message_from_bytes(message.message().as_bytes())
    assert sent["Bcc"] is None
    assert "\n" not in message.subject
    for form in (str(message.body), html_of(message), message.subject):
        assert not set(form) & set("\u202e\u2066\r")
    assert "<script>" not in html_of(message)
    assert "&lt;b&gt;&amp;amp;" in html_of(message)


class Reader(HTMLParser):
    """Collects what a mail client would fetch, and checks that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        fetching = ("src", "srcset", "background", "data", "poster")
        self.fetched += [value for name, value in attrs if name in fetching]
        self.fetched += [tag] * (tag in {"img", "link", "script", "iframe", "object"})

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_mail_fetches_nothing_and_is_well_formed(visit: Any, settings: Any) -> None:
    settings.LINK_URL = "https://clinic.example"
    visit.cancel(by=None)
    html = html_of(post()[-1])
    reader = Reader()
    reader.feed(html)
    assert (reader.fetched, reader.open) == ([], [])
    assert not re.search(r"url\(|@import|@font-face", html)
    assert "prefers-color-scheme: dark" in html


def test_a_cancelation_by_the_clinic_names_other_times_and_one_by_the_patient_none(
    visit: Any, staff: Any
) -> None:
    post()
    visit.cancel(by=staff)
    [message] = post()
    text = text_of(message)
    assert text.count(f"09:30 CET, {visit.doctor.name}, Clínica Centro") == 1
    assert len(re.findall(r"- \w{3} \d", text)) == 3
    assert "- " + f"{visit.starts_at:%a}" in text
    visit.undo(by=staff)
    post()
    visit.cancel(by=visit.patient.user)
    [message] = post()
    assert "You canceled it." in text_of(message)
    assert "Other times" not in text_of(message)


def test_a_patient_who_asked_staff_to_cancel_reads_so(visit: Any, staff: Any) -> None:
    post()
    visit.cancel(by=staff, reason="Patient asked: on holiday")
    [message] = post()
    assert "We canceled it, as you asked us to." in text_of(message)
    assert "had to cancel" not in text_of(message)


def test_the_patients_of_a_canceled_day_get_different_other_times(
    visit: Any, staff: Any, other_patient: Patient
) -> None:
    other_patient.user.revise(email_verified_at=timezone.now())
    session = visit.slot.schedule
    other = Appointment(patient=other_patient, slot=session.slots.all()[1]).book()
    ScheduleFactory(date=day_ahead(4), doctor=visit.doctor, location=visit.location)
    post()
    leave = TimeOff(
        doctor=visit.doctor, starts_at=visit.starts_at, ends_at=session.slots.last().ends_at
    )
    leave.publish()
    for each in (visit, other):
        each.cancel(by=staff)
    times = [
        set(re.findall(r"- (\w{3} \d+ \w{3} \d{4}, \d\d:\d\d)", text_of(each))) for each in post()
    ]
    assert [len(each) for each in times] == [2, 2], "of four free times"
    assert not times[0] & times[1]


def test_without_other_times_nothing_stands_over_an_empty_list(visit: Any, staff: Any) -> None:
    post()
    visit.slot.schedule.slots.exclude(pk=visit.slot_id).update(taken=1)
    visit.cancel(by=staff)
    [message] = post()
    assert "Other times" not in str(message.body) + html_of(message)
    assert "Call +34 910 12 34 56 for another time." in text_of(message)


def test_new_rules_of_the_clocks_are_not_told_as_a_move(visit: Any) -> None:
    event = AppointmentEvent(kind=AppointmentEvent.Kind.ZONE_CHANGED)
    letter = letter_of("moved", visit, News(event, moves=(event,)), timezone.now())
    assert letter.heading == "Your visit keeps its time"
    assert letter.subject.startswith("Still at ")


def test_a_mail_carries_the_visit_for_a_calendar(visit: Any, staff: Any) -> None:
    [booked] = post()
    visit.cancel(by=staff)
    [canceled] = post()
    for message, method, name in (
        (booked, "REQUEST", "visit.ics"),
        (canceled, "CANCEL", "cancel.ics"),
    ):
        written: Any = message.message()
        sent: Any = message_from_bytes(written.as_bytes(linesep="\r\n"))
        text, file = sent.get_payload()
        assert sent.get_content_type() == "multipart/mixed"
        forms = [each.get_content_type() for each in text.get_payload()]
        assert forms == ["text/plain", "text/html", "text/calendar"]
        form = text.get_payload()[-1]
        # Each parameter once: programs refuse a part with two.
        parameters = [("text/calendar", ""), ("method", method), ("charset", "utf-8")]
        assert form.get_params() == parameters
        assert (file.get_content_type(), file.get_filename()) == ("application/ics", name)
        assert file.get_payload(decode=True) == form.get_payload(decode=True)
        assert parsed(file.get_payload(decode=True)).method.value == method


def test_a_mail_about_a_visit_that_is_too_late_to_cancel_says_to_call(visit: Any) -> None:
    post()
    at = visit.starts_at - timedelta(hours=20)
    [reminder] = post(at)
    assert "It is too late to move or cancel it in the app." in text_of(reminder)
    assert "please call +34 910 12 34 56" in text_of(reminder)
    assert reminder.subject.startswith("Reminder: ")


def test_an_offer_says_until_when_and_how_to_take_it(visit: Any, other_patient: Patient) -> None:
    post()
    user = other_patient.user
    user.revise(email_verified_at=timezone.now(), language="en")
    visit.slot.schedule.slots.exclude(pk=visit.slot_id).update(taken=1)
    WaitlistEntryFactory(patient=other_patient, doctor=visit.doctor)
    visit.cancel(by=visit.patient.user)
    [message] = [each for each in post() if each.to == [user.email]]
    offer = Offer.objects.get()
    until = offer.expires_at.astimezone(visit.location.zone)
    assert message.subject == offer_letter(offer).subject
    instant = f"{until:%a} {until.day} {until:%b %Y, %H:%M %Z}"
    assert f"We hold it for you until {instant}." in text_of(message), "it may be past midnight"
    how = "Take it in the app, or call +34 910 12 34 56, before then."
    assert how in text_of(message)
    assert offer_letter(offer).short.endswith(f"Clínica Centro. {how}"), "an SMS says it too"
    assert OutgoingMessage.objects.get(kind="offer").sent_at
    offer.created_at = until.replace(hour=23, minute=10)
    offer.expires_at = until.replace(hour=23, minute=40)
    assert offer_letter(offer).subject.startswith("Held for you until 23:40: ")
    offer.created_at -= timedelta(days=1)
    assert offer_letter(offer).subject.startswith(f"Held for you until {offer.expires_at:%a} ")
