"""No patient's data and no secret leaks through mail, the waitlist or the work list."""

from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import SuperuserFactory, UserFactory
from accounts.tests.mailbox import post, token_in
from appointment.models import Appointment, WorkListItem
from doctor.tests.factories import ScheduleFactory, TimeOffFactory
from tests.admin_client import AdminClient, page
from tests.canaries import EMAIL, NEW_PASSWORD, PASSWORD, PERSON, REASON, Hunter

pytestmark = pytest.mark.django_db


def signed_in(user: User, hunter: Hunter) -> APIClient:
    client, token = APIClient(raise_request_exception=False), user.issue_token()[0]
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    hunter.secrets.append(token)
    return client


def somebody(**names: str) -> User:
    user = UserFactory(**{"first_name": "KanariFirst", "last_name": "KanariLast", **names})
    return User.objects.get(pk=user.pk)


def test_mail_has_no_name_in_its_subject_and_its_secret_is_nowhere_else() -> None:
    with Hunter().listening() as hunter:
        client = APIClient(raise_request_exception=False)
        account: dict[str, Any] = {"email": EMAIL, "password": PASSWORD}
        names = {name: PERSON[name] for name in ("first_name", "last_name")}
        assert client.post("/api/auth/register/", {**account, **names}).status_code == 201
        [asked] = post()
        hunter.secrets.append(token_in(asked))
        verified = client.post("/api/auth/verify-email/", {"token": hunter.secrets[0]})
        assert hunter.seen(verified).status_code == 200
        client.post("/api/auth/password-reset/", {"email": EMAIL})
        [reset] = post()
        hunter.secrets.append(token_in(reset))
        body = {"token": hunter.secrets[1], "new_password": NEW_PASSWORD}
        for status in (200, 400):  # the second time the link is used up
            confirmed = client.post("/api/auth/password-reset/confirm/", body)
            assert hunter.seen(confirmed).status_code == status
        assert len(mail.outbox) == 2
        assert hunter.found() == []


def test_texts_of_a_waitlist_entry_and_its_offer_name_no_patient() -> None:
    slot = ScheduleFactory(slot_minutes=None).slots.get()
    day = str(slot.starts_at.date())
    with Hunter().listening() as hunter:
        first, second = (signed_in(somebody(), hunter) for _ in range(2))
        book = f"/api/appointment/book/{slot.doctor_id}/"
        visit = first.post(book, {"slot_id": slot.pk, "reason": REASON}).json()["id"]
        criteria = {"doctor": slot.doctor_id, "from": day, "to": day}
        joined = hunter.seen(second.post("/api/appointment/waitlist/", criteria))
        assert joined.status_code == 201, joined.content
        assert (
            first.post(f"/api/appointment/cancel/{visit}/", {"reason": REASON}).status_code == 200
        )
        call_command("run_due", verbosity=0)
        path = f"/api/appointment/waitlist/{joined.json()['id']}/"
        hunter.seen(second.get(path))
        assert hunter.seen(second.post(f"{path}accept/")).status_code == 201
        assert hunter.seen(second.post(f"{path}accept/")).status_code == 409
        assert hunter.found() == []


def test_the_work_list_names_no_patient_in_logs_or_urls() -> None:
    slot = ScheduleFactory().slots.earliest("starts_at")
    with Hunter().listening() as hunter:
        client = signed_in(somebody(), hunter)
        book = f"/api/appointment/book/{slot.doctor_id}/"
        assert client.post(book, {"slot_id": slot.pk, "reason": REASON}).status_code == 201
        TimeOffFactory(doctor=slot.doctor, starts_at=slot.starts_at)
        admin_client = AdminClient(SuperuserFactory())
        hunter.seen(admin_client.get(page(WorkListItem), q=PERSON["last_name"]))
        hunter.seen(admin_client.act("cancel", WorkListItem.objects.get()))
        assert Appointment.objects.get().status == "canceled"
        assert hunter.found() == []
