"""Audit events record the caller of each read and change, and are never changed or deleted."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from rest_framework.test import APIClient

from accounts.audit.context import COMMAND, RequestContext, current_context, use_context
from accounts.models import AuditEvent, User
from accounts.tests.factories import UserFactory
from tests.statements import counted_statements

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def an_event(**known: Any) -> AuditEvent:
    AuditEvent.objects.record("read", User, **known)
    return AuditEvent.objects.latest("pk")


# --- Events are only added ------------------------------------------------------------------------


# Each of these functions tries to change or delete an event, through Django or in SQL.


def written_again(event: AuditEvent) -> None:
    event.save()


def updated(event: AuditEvent) -> None:
    AuditEvent.objects.update(outcome="denied")


def deleted(event: AuditEvent) -> None:
    event.delete()


def all_deleted(event: AuditEvent) -> None:
    AuditEvent.objects.all().delete()


def updated_past_django(event: AuditEvent) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_auditevent SET address = %s", ["192.0.2.1"])


def deleted_past_django(event: AuditEvent) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_auditevent")


def put_in_its_place(event: AuditEvent) -> None:
    replace = {
        "sqlite": "INSERT OR REPLACE INTO accounts_auditevent SELECT * FROM accounts_auditevent",
        "postgresql": "INSERT INTO accounts_auditevent SELECT * FROM accounts_auditevent "
        "ON CONFLICT (id) DO UPDATE SET address = '192.0.2.1'",
    }
    with connection.cursor() as cursor:
        cursor.execute(replace[connection.vendor])


ATTACKS = [
    written_again,
    updated,
    deleted,
    all_deleted,
    updated_past_django,
    deleted_past_django,
    put_in_its_place,
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_database_refuses_to_change_or_delete_an_event(
    attack: Callable[[AuditEvent], None],
) -> None:
    event = an_event()
    before = AuditEvent.objects.values().get()
    with pytest.raises(IntegrityError, match="append only"), transaction.atomic():
        attack(event)
    assert AuditEvent.objects.values().get() == before


def test_an_event_outlives_the_account_of_its_actor() -> None:
    account = UserFactory()
    event = an_event(actor=account)
    key = account.pk
    account.delete()
    found = AuditEvent.objects.select_related("actor").get(pk=event.pk)
    assert (found.actor_id, found.actor) == (key, None)


def test_events_of_many_patients_are_one_statement() -> None:
    people = UserFactory.create_batch(3)
    for person in people:
        person.user_id = person.pk
    with counted_statements() as statements:
        AuditEvent.objects.record("read", User, people)
    assert len(statements) == 1
    assert {event.patient_id for event in AuditEvent.objects.all()} == {p.pk for p in people}


# --- The caller -----------------------------------------------------------------------------------


def test_an_answer_has_the_request_id_that_the_server_chose() -> None:
    answers = [
        APIClient().get("/api/doctor/doctors/", headers={"X-Request-ID": "mine"}),
        APIClient().get("/api/nowhere/"),
        APIClient().post("/api/auth/login/", "x" * 600_000, content_type="application/json"),
        Client().get("/admin/"),
        Client().get("/healthz"),
    ]
    ids = [answer["X-Request-ID"] for answer in answers]
    assert all(re.fullmatch("[0-9a-f]{32}", found) for found in ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("path", "channel"), [("/api/auth/profile/", "api"), ("/admin/accounts/user/", "admin")]
)
def test_the_context_of_a_call_ends_with_the_call(
    path: str, channel: str, superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, ...]] = []

    def look(user: Any) -> str | None:
        now = current_context()
        seen.append((now.user, now.channel, now.address, now.request_id))
        return "A name" if now.channel == "admin" else None

    monkeypatch.setattr(User, "doctor", property(look))
    monkeypatch.setattr(User, "__str__", look)
    client = APIClient()
    client.force_login(superuser)
    answer = client.get(path, REMOTE_ADDR="192.0.2.7")
    assert answer.status_code == 200
    assert seen[-1] == (superuser, channel, "192.0.2.7", answer["X-Request-ID"])
    assert current_context() == RequestContext()


def test_outside_a_request_the_context_is_a_command_without_a_user() -> None:
    assert (current_context().channel, current_context().user) == (COMMAND, None)
    assert (an_event().role, an_event().channel) == ("system", "command")


def test_an_event_has_the_user_the_address_and_the_request_id() -> None:
    account = UserFactory()
    caller = RequestContext("api", "2001:db8::7", "a" * 32, lambda: account)
    with use_context(caller):
        event = an_event()
    event.refresh_from_db()
    assert (event.actor, event.channel, event.address) == (account, "api", "2001:db8::7")
    assert (event.request_id, event.outcome, event.emergency) == ("a" * 32, "allowed", False)
