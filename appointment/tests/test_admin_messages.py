"""Staff see what was sent, have sent again what was not, and call whom nothing reached."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.messages import kinds
from accounts.models import MailKind, OutgoingMessage, User
from accounts.tests.factories import StaffFactory
from appointment.messages.not_told import not_told
from appointment.messages.state import NAMES_OF_ALL
from appointment.models import Appointment
from doctor.tests.factories import LocationFactory, ScheduleFactory, SiteStaffFactory, day_ahead
from patient.models import Patient
from tests.admin_client import AdminClient, messages_of, page
from tests.people import reception_group

pytestmark = pytest.mark.django_db
DEAD: dict[str, Any] = {"given_up_at": timezone.now(), "failure": "no phone number"}


@pytest.fixture
def reception() -> User:
    user: User = StaffFactory()
    user.groups.add(reception_group())
    return user


@pytest.fixture
def booked(patient: Patient) -> Any:
    """Return a visit that the desk has booked; its message and its reminder wait."""
    slot = ScheduleFactory(date=day_ahead(3)).slots.first()
    return Appointment(patient=patient, slot=slot).book()


def message(kind: str = "booked", **changes: Any) -> OutgoingMessage:
    rows = OutgoingMessage.objects.filter(kind=kind)
    if changes:
        rows.update(**changes)
    return rows.latest("pk")


def test_the_reception_sees_messages_of_its_sites_without_addresses(
    booked: Any, reception: User, superuser: User
) -> None:
    asked = OutgoingMessage.objects.enqueue(MailKind.PASSWORD_RESET, "luis@example.com")
    listed = AdminClient(reception).get(page(OutgoingMessage)).content.decode()
    assert f"visit {booked.pk}" in listed
    of_mail = page(asked, "change")
    assert "luis@example.com" not in AdminClient(reception).get(of_mail).content.decode()
    assert "luis@example.com" in AdminClient(superuser).get(of_mail).content.decode()
    SiteStaffFactory(user=reception, location=LocationFactory())
    elsewhere = AdminClient(reception).get(page(OutgoingMessage))
    assert not elsewhere.context["cl"].result_list
    SiteStaffFactory(user=reception, location=booked.location)
    here = AdminClient(reception).get(page(OutgoingMessage))
    assert {row.object_id for row in here.context["cl"].result_list} == {booked.pk}


def test_the_list_names_kinds_channels_and_reasons_in_words(booked: Any, superuser: User) -> None:
    message("booked", **DEAD, channel="sms")
    client = AdminClient(superuser)
    client.client.cookies["django_language"] = "es"
    listed = client.get(page(OutgoingMessage)).content.decode()
    for words in ("Confirmación", "Recordatorio", "SMS", "sin teléfono"):
        assert words in listed
    assert "no phone number" not in listed


def test_the_list_says_that_a_message_of_a_canceled_visit_is_not_sent(
    booked: Any, superuser: User
) -> None:
    booked.cancel(by=booked.patient.user)
    listed = AdminClient(superuser).get(page(OutgoingMessage)).context["cl"]
    states = {row.kind: listed.model_admin.state(row) for row in listed.result_list}
    gone = dict.fromkeys(("booked", "reminder"), "will not be sent")
    assert states == {**gone, "canceled": "to be sent"}


def test_every_kind_and_what_it_is_about_have_words(superuser: User) -> None:
    assert {*kinds()} == {*NAMES_OF_ALL}
    for number, kind in enumerate(kinds().values()):
        OutgoingMessage.objects.create(kind=kind.name, object_id=number if kind.about else None)
    listed = AdminClient(superuser).get(page(OutgoingMessage)).content.decode()
    assert all(str(name) in listed for name in NAMES_OF_ALL.values())


def test_the_page_of_a_visit_leads_to_its_messages(
    booked: Any, reception: User, superuser: User
) -> None:
    link = f"{page(OutgoingMessage)}?q={booked.pk}"
    for kind in ("offer", "daysheet", "webhook_disabled"):  # of others with the same number
        OutgoingMessage.objects.create(kind=kind, object_id=booked.pk, location=booked.location_id)
    assert link in AdminClient(reception).get(page(booked, "change")).content.decode()
    listed = AdminClient(reception).get(link).context["cl"].result_list
    assert {row.kind for row in listed} == {"booked", "reminder"}
    reception.groups.clear()
    reception.user_permissions.add(Permission.objects.get(codename="view_appointment"))
    reception = User.objects.get(pk=reception.pk)
    assert link not in AdminClient(reception).get(page(booked, "change")).content.decode()


@pytest.mark.parametrize("state", ["dead", "waiting", "sent"])
def test_the_list_filters_by_what_became_of_a_message(
    booked: Any, superuser: User, state: str
) -> None:
    message(**DEAD)
    message("reminder", sent_at=timezone.now())
    OutgoingMessage.objects.enqueue(MailKind.PASSWORD_RESET, "luis@example.com")
    answer = AdminClient(superuser).get(page(OutgoingMessage), state=state)
    found = [row.kind for row in answer.context["cl"].result_list]
    assert found == {"dead": ["booked"], "sent": ["reminder"]}.get(state, ["password_reset"])


def test_an_unknown_state_is_refused(superuser: User) -> None:
    assert AdminClient(superuser).status(page(OutgoingMessage), state="x") == 400


def test_staff_try_dead_messages_again_and_send_a_copy(booked: Any, reception: User) -> None:
    row, desk = message(**DEAD), AdminClient(reception)
    assert messages_of(desk.act("retry", row)) == ["1 message is tried again."]
    row.refresh_from_db()
    assert row.given_up_at is None
    refused, sent = messages_of(desk.act("send_again", row))
    assert (refused, sent) == (
        f"Message {row.pk}: This message is still to be sent.",
        "0 messages are sent again.",
    )
    message(sent_at=timezone.now())
    assert messages_of(desk.act("send_again", row)) == ["1 message is sent again."]
    assert message().copy == 1


def test_who_may_only_view_messages_has_no_action(booked: Any) -> None:
    viewer: Any = StaffFactory()
    viewer.user_permissions.add(reception_group().permissions.get(codename="view_outgoingmessage"))
    row = message(**DEAD)
    AdminClient(viewer).act("retry", row)
    row.refresh_from_db()
    assert row.given_up_at is not None


def test_the_desk_calls_whom_nothing_told_of_what_the_clinic_did(
    booked: Any, reception: User
) -> None:
    now = timezone.now()
    message(**DEAD)
    assert not not_told(now).exists(), "who books is at the telephone"
    reminder = message("reminder", **DEAD)
    assert list(not_told(now)) == [reminder]
    booked.cancel(by=reception)
    canceled = message("canceled", **DEAD)
    assert list(not_told(now)) == [canceled], "the reminder is no longer true"
    assert not not_told(booked.starts_at).exists()
    assert messages_of(AdminClient(reception).act("settle", canceled)) == ["1 person was told."]
    assert not not_told(now).exists()


def test_a_patient_who_cancels_needs_no_call(booked: Any, patient: Patient) -> None:
    booked.cancel(by=patient.user)
    message("canceled", **DEAD)
    assert not not_told(timezone.now() + timedelta(minutes=1)).exists()
