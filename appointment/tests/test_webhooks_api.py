"""Staff of all sites with the permission register webhooks; a secret is shown once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient
from standardwebhooks import Webhook as Signer

from accounts.models import AuditEvent, User
from accounts.tests.factories import StaffFactory
from appointment.models import EventType, Webhook, WebhookDelivery
from appointment.models.webhook import MOST_WEBHOOKS
from appointment.tests.webhooks import make_webhook
from doctor.tests.factories import SiteStaffFactory
from extensions import public_http
from patient.models import Patient
from tests.problems import assert_problem
from tests.threads import run_together

pytestmark = pytest.mark.django_db

PATH = "/api/appointment/webhooks/"
BODY = {
    "url": "https://hook.example/in?token=t0ken",
    "events": ["waitlist.offered", "appointment.booked", "appointment.booked"],
}


@pytest.fixture
def api(superuser: User, client_of: Callable[[User], APIClient]) -> APIClient:
    return client_of(superuser)


def permitted(*actions: str, model: str = "webhook") -> User:
    """Make a member of staff with these permissions on the model."""
    user: User = StaffFactory()
    names = [f"{action}_{model}" for action in actions]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return user


def test_the_secret_is_in_the_answer_that_makes_it_and_nowhere_else(
    api: APIClient, superuser: User, caplog: pytest.LogCaptureFixture
) -> None:
    made = api.post(PATH, BODY)
    assert made.status_code == 201
    assert "Location" not in made.headers, "REST framework would lead to the receiver"
    secret, key = made.json()["secret"], made.json()["id"]
    assert len(Signer(secret)._whsecret) == 32
    assert made.json()["events"] == ["appointment.booked", "waitlist.offered"]
    rotated = api.post(f"{PATH}{key}/rotate-secret/")
    assert rotated.json()["secret"] not in {"", secret}
    row = Webhook.objects.get()
    assert (row.secret, row.previous_secret) == (rotated.json()["secret"], secret)
    api.post(f"{PATH}{key}/test/")
    later = [
        api.get(PATH),
        api.get(f"{PATH}{key}/"),
        api.patch(f"{PATH}{key}/", {"is_active": False}),
        api.get(f"{PATH}{key}/deliveries/"),
    ]
    kept = "".join(each.content.decode() for each in later) + caplog.text
    kept += "".join(str(row) for row in AuditEvent.objects.values())
    assert [each.status_code for each in later] == [200] * 4
    assert secret not in kept
    assert row.secret not in kept
    of_webhook = AuditEvent.objects.filter(kind="appointment.webhook", object_id=key)
    assert list(of_webhook.order_by("pk").values_list("action", "actor")) == [
        ("create", superuser.pk),
        ("change", superuser.pk),
        ("change", superuser.pk),
    ]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"url": "http://hook.example/"}, "url", "url_not_https"),
        ({"url": "https://10.0.0.1/"}, "url", "url_not_public"),
        ({"url": "https://hook.invalid/"}, "url", "url_unresolvable"),
        ({"url": "https://user:pass@hook.example/"}, "url", "url_credentials"),
        ({"url": "https://hook.example:25/"}, "url", "url_port"),
        ({"url": "nonsense"}, "url", "url_invalid"),
        ({"url": "https://taken.example/"}, "url", "unique"),
        ({"events": []}, "events", "empty"),
        ({"events": ["webhook.test"]}, "events.0", "invalid_choice"),
    ],
)
@pytest.mark.parametrize("method", ["post", "patch"])
def test_a_body_is_refused_with_a_code(
    api: APIClient, method: str, change: dict[str, Any], field: str, code: str
) -> None:
    make_webhook("https://taken.example/")
    path = PATH if method == "post" else f"{PATH}{make_webhook().pk}/"
    answer = getattr(api, method)(path, {**BODY, **change} if method == "post" else change)
    assert_problem(answer, 400, "validation_error")
    assert [(each["field"], each["code"]) for each in answer.json()["errors"]] == [(field, code)]


def test_a_webhook_is_changed_activated_and_deleted(api: APIClient) -> None:
    webhook = make_webhook(is_active=False, disabled_reason="failing", failures=7)
    path = f"{PATH}{webhook.pk}/"
    answer = api.patch(path, {"is_active": True, "events": ["appointment.moved"]}).json()
    assert (answer["is_active"], answer["disabled_reason"]) == (True, None)
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.events) == (0, "appointment.moved")
    assert webhook.url == "https://hook.example/"
    assert api.delete(path).status_code == 204
    assert not Webhook.objects.exists()


def test_another_address_starts_without_the_failures_of_the_old_one(api: APIClient) -> None:
    """It was refused for a day: else the first failure of the new one would disable it."""
    since = timezone.now() - timedelta(hours=23)
    webhook = make_webhook(failures=9, failing_since=since, paused_until=since)
    path = f"{PATH}{webhook.pk}/"
    api.patch(path, {"url": webhook.url})
    assert Webhook.objects.get().failures == 9
    api.patch(path, {"url": "https://new.example/"})
    webhook = Webhook.objects.get()
    assert (webhook.failures, webhook.failing_since, webhook.paused_until) == (0, None, None)


def test_a_test_is_queued_and_listed_and_refused_where_nothing_is_sent(api: APIClient) -> None:
    webhook = make_webhook()
    queued = api.post(f"{PATH}{webhook.pk}/test/")
    assert (queued.status_code, queued.json()["type"]) == (202, "webhook.test")
    make_webhook("https://other.example/").send_test()
    for status, count in (("", 1), ("?status=waiting", 1), ("?status=sent", 0)):
        listed = api.get(f"{PATH}{webhook.pk}/deliveries/{status}").json()
        assert listed["count"] == count
    assert listed["results"] == []
    assert_problem(api.get(f"{PATH}{webhook.pk}/deliveries/?status=lost"), 400, "validation_error")
    webhook.change(webhook.created_by, is_active=False)
    assert_problem(api.post(f"{PATH}{webhook.pk}/test/"), 409, "webhook_inactive")


@pytest.mark.parametrize(
    ("actions", "allowed"),
    [
        ((), ()),
        (("view",), ("get",)),
        (("view", "add"), ("get", "post")),
        (("view", "change"), ("get", "patch", "rotate")),
        (("view", "delete"), ("get", "delete")),
    ],
)
def test_each_permission_of_the_admin_allows_its_methods(
    client_of: Callable[[User], APIClient], actions: tuple[str, ...], allowed: tuple[str, ...]
) -> None:
    api, path = client_of(permitted(*actions)), f"{PATH}{make_webhook().pk}/"
    statuses = {
        "get": api.get(path).status_code,
        "post": api.post(PATH, BODY).status_code,
        "patch": api.patch(path, {}).status_code,
        "rotate": api.post(f"{path}rotate-secret/").status_code,
        "delete": api.delete(path).status_code,
    }
    assert {name for name, status in statuses.items() if status < 300} == set(allowed)
    assert {status for status in statuses.values() if status >= 300} <= {403}


def test_staff_of_a_site_patients_and_strangers_are_refused(
    client_of: Callable[[User | None], APIClient], patient: Patient
) -> None:
    staff = permitted("view", "add", "change", "delete")
    assert client_of(staff).get(PATH).status_code == 200
    SiteStaffFactory(user=staff)
    statuses = [client_of(each).get(PATH).status_code for each in (staff, patient.user, None)]
    assert statuses == [403, 403, 401]


def test_a_host_is_resolved_before_the_transaction(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that is slow holds no row."""
    main = connections["default"]
    depths: list[int] = []

    def resolve(*of: Any) -> list[str]:  # in a thread of its own
        depths.append(len(main.atomic_blocks))
        return ["93.184.215.14"]

    monkeypatch.setattr(public_http, "resolve", resolve)
    assert api.post(PATH, BODY).status_code == 201
    assert depths == [len(main.atomic_blocks)]


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_simultaneous_registrations_do_not_exceed_the_limit(superuser: User) -> None:
    for number in range(MOST_WEBHOOKS - 1):
        make_webhook(f"https://hook{number}.example/", created_by=superuser)

    def register(number: int) -> Any:
        return Webhook.objects.register(superuser, f"https://new{number}.example/", EventType)

    outcomes = run_together(4, register)
    names = sorted(type(each).__name__ for each in outcomes)
    assert names == ["TooManyWebhooks"] * 3 + ["Webhook"]
    assert Webhook.objects.count() == MOST_WEBHOOKS


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_simultaneous_registrations_of_one_url_one_succeeds(superuser: User) -> None:
    url = "https://hook.example/"
    outcomes = run_together(
        4, lambda number: Webhook.objects.register(superuser, url, [EventType.BOOKED])
    )
    names = sorted(type(each).__name__ for each in outcomes)
    assert names == ["ValidationError"] * 3 + ["Webhook"]


def test_messages_of_a_deleted_webhook_are_not_sent(api: APIClient) -> None:
    webhook = make_webhook()
    message = webhook.send_test()
    assert api.delete(f"{PATH}{webhook.pk}/").status_code == 204
    assert WebhookDelivery.objects.claim_next(webhook.pk, message.due_at) is None
    assert_problem(api.get(f"{PATH}{webhook.pk}/deliveries/"), 404, "not_found")
