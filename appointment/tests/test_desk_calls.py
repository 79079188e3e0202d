"""The desk calls the people whom no message has reached, and sees what was sent about a visit."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import OutgoingMessage, User
from accounts.tests.mailbox import post
from appointment.messages.state import failure_text
from appointment.models import Appointment, AppointmentEvent, Offer
from appointment.tests.factories import AppointmentFactory, WaitlistEntryFactory
from doctor.tests.factories import LocationFactory, ScheduleFactory, SiteStaffFactory, day_ahead
from patient.models import Patient
from patient.tests.factories import DependentFactory, PatientFactory
from tests.admin_client import AdminClient, page

pytestmark = pytest.mark.django_db
CALLS = "/admin/desk/calls/"


@pytest.fixture
def desk(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def canceled(patient: Patient, staff: User) -> Any:
    """Return the dead message about a visit that the desk has canceled."""
    patient.revise(phone_number="+34612345678")
    patient.user.revise(email_verified_at=None)
    slot = ScheduleFactory(date=day_ahead(3)).slots.first()
    visit = Appointment(patient=patient, slot=slot).book()
    visit.cancel(by=staff)
    rows = OutgoingMessage.objects.filter(kind="canceled")
    rows.update(given_up_at=timezone.now(), failure="no verified address")
    return rows.get()


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_page_names_person_visit_and_reason_until_the_person_is_told(
    desk: Client, canceled: Any, patient: Patient
) -> None:
    visit = Appointment.objects.get(pk=canceled.object_id)
    shown = text(desk.get(CALLS))
    reason = "no verified e-mail address"
    link = f'href="/admin/desk/people/{patient.pk}/"'
    for words in (patient.name, link, 'href="tel:+34612345678"', str(visit.doctor), reason):
        assert words in shown
    answer = desk.post(f"{CALLS}{canceled.pk}/settle/", follow=True)
    assert f"{patient.name} was told by telephone." in text(answer)
    assert "No person has to be called." in text(desk.get(CALLS))
    canceled.refresh_from_db()
    assert canceled.settled_at is not None


def test_for_a_child_without_a_number_the_owner_of_the_account_is_called(
    desk: Client, canceled: Any, patient: Patient
) -> None:
    child = DependentFactory(user=patient.user, first_name="Leo", phone_number="")
    Appointment.objects.filter(pk=canceled.object_id).update(patient=child)
    shown = text(desk.get(CALLS))
    assert child.name in shown
    assert f'{patient.name}: <a class="call-link" href="tel:+34612345678">' in shown


def test_who_stands_at_the_desk_is_not_to_be_called(desk: Client, canceled: Any) -> None:
    Appointment.objects.filter(pk=canceled.object_id).update(checked_in_at=timezone.now())
    assert "No person has to be called." in text(desk.get(CALLS))


def test_the_soonest_visits_are_shown_first_of_too_many(
    desk: Client, canceled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appointment.desk.calls.MOST_CALLS", 1)
    visit = Appointment.objects.get(pk=canceled.object_id)
    later = AppointmentFactory(slot=ScheduleFactory(date=day_ahead(9)).slots.first())
    later.cancel()
    rows = OutgoingMessage.objects.filter(kind="canceled", object_id=later.pk)
    rows.update(given_up_at=timezone.now(), failure="no account")
    shown = text(desk.get(CALLS))
    assert str(visit.doctor) in shown
    assert str(later.doctor) not in shown


def test_a_patient_who_asked_for_the_cancelation_is_not_called(desk: Client, canceled: Any) -> None:
    events = AppointmentEvent.objects.filter(pk=canceled.cause)
    events.update(detail="Patient asked: on holiday")
    assert "No person has to be called." in text(desk.get(CALLS))


def test_a_message_is_sent_again_once_there_is_an_address(
    desk: Client, canceled: Any, patient: Patient
) -> None:
    again = f"{CALLS}{canceled.pk}/again/"
    desk.post(again)
    assert OutgoingMessage.objects.filter(kind="canceled").count() == 1, "still no address"
    patient.user.revise(email_verified_at=timezone.now())
    assert "is sent again" in text(desk.post(again, follow=True))
    assert OutgoingMessage.objects.filter(kind="canceled", given_up_at=None).count() == 1
    assert "No person has to be called." in text(desk.get(CALLS))


def test_staff_read_in_their_language_why_nothing_is_sent(desk: Client, canceled: Any) -> None:
    desk.cookies["django_language"] = "es"
    answer = desk.post(f"{CALLS}{canceled.pk}/again/", follow=True)
    assert "sin dirección de correo verificada" in text(answer)
    OutgoingMessage.objects.filter(pk=canceled.pk).update(failure="ConnectionRefusedError")
    assert "no se pudo enviar" in text(desk.get(CALLS)), "not: the address is wrong"


def test_staff_of_another_site_neither_see_nor_settle_it(
    desk: Client, staff: User, canceled: Any
) -> None:
    SiteStaffFactory(user=staff, location=LocationFactory())
    assert "No person has to be called." in text(desk.get(CALLS))
    assert desk.post(f"{CALLS}{canceled.pk}/settle/").status_code == 404
    canceled.refresh_from_db()
    assert canceled.settled_at is None


def test_the_visit_shows_what_became_of_its_messages(
    desk: Client, superuser: User, canceled: Any, patient: Patient
) -> None:
    failed = "Cancelation: not sent, no verified e-mail address"
    shown = text(desk.get(f"/admin/desk/people/{patient.pk}/"))
    assert failed in shown
    assert "to be sent" not in shown, "the visit is canceled: neither its booking nor a reminder"
    visit = Appointment.objects.get(pk=canceled.object_id)
    assert failed in text(AdminClient(superuser).get(page(visit, "change")))
    sent = {"given_up_at": None, "sent_at": timezone.now(), "channel": "sms"}
    OutgoingMessage.objects.filter(pk=canceled.pk).update(**sent)
    assert "Cancelation (SMS): sent " in text(desk.get(f"/admin/desk/people/{patient.pk}/"))


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("SMTPRecipientsRefused 550, given up", "it was refused"),
        ("ConnectionRefusedError, the server is away", "it could not be sent"),
        ("sms is off", "SMS is not in service"),
        ("no phone number, no device", "no phone number, no device for push messages"),
    ],
)
def test_staff_read_why_in_words(failure: str, words: str) -> None:
    assert failure_text(OutgoingMessage(failure=failure)) == words


def test_a_message_is_sent_again_beside_its_state(
    desk: Client, canceled: Any, patient: Patient
) -> None:
    OutgoingMessage.objects.filter(pk=canceled.pk).update(given_up_at=None, sent_at=timezone.now())
    patient.user.revise(email_verified_at=timezone.now())
    panel, again = f"/admin/desk/people/{patient.pk}/", f"{CALLS}{canceled.pk}/again/"
    assert text(desk.get(panel)).count("Send again") == 1
    assert "is sent again" in text(desk.post(again, follow=True))
    shown = text(desk.get(panel))
    assert "Cancelation: to be sent " in shown
    assert "Send again" not in shown, "a copy waits"


def test_what_will_not_be_sent_is_not_announced(
    desk: Client, patient: Patient, staff: User
) -> None:
    visit = Appointment(patient=patient, slot=ScheduleFactory(date=day_ahead(3)).slots.first())
    visit.book()
    panel = f"/admin/desk/people/{patient.pk}/"
    assert "Reminder: to be sent " in text(desk.get(panel))
    visit.cancel(by=staff)
    shown = text(desk.get(panel))
    assert "Cancelation: to be sent " in shown
    assert "Reminder" not in shown


def test_an_open_offer_that_reached_its_person_by_no_channel_is_a_call(
    desk: Client, patient: Patient, staff: User
) -> None:
    slot = ScheduleFactory(date=day_ahead(3)).slots.first()
    visit = Appointment(patient=PatientFactory(user=None), slot=slot).book()
    slot.schedule.slots.exclude(pk=slot.pk).update(taken=1)
    WaitlistEntryFactory(patient=patient, doctor=visit.doctor)
    patient.user.revise(email_verified_at=None)
    visit.cancel(by=staff, reason="Patient asked")
    post()
    shown = text(desk.get(CALLS))
    offer = Offer.objects.get()
    until = offer.expires_at.astimezone(slot.location.zone)
    assert f"Offer, open until {until:%H:%M}" in shown
    assert patient.name in shown
    message = OutgoingMessage.objects.get(kind="offer")
    answer = desk.post(f"{CALLS}{message.pk}/settle/", follow=True)
    assert f"{patient.name} was told by telephone." in text(answer)
    OutgoingMessage.objects.update(settled_at=None)
    offer.entry.decline(by=staff)
    assert "No person has to be called." in text(desk.get(CALLS))
