"""Staff register webhooks in the admin, see what became of messages, and send them again."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.models import User
from appointment.models import Webhook, WebhookDelivery
from appointment.tests.webhooks import make_webhook
from doctor.tests.factories import SiteStaffFactory
from tests.admin_client import AdminClient, page

pytestmark = pytest.mark.django_db

BODY = {"url": "https://hook.example/", "events": ["appointment.booked", "waitlist.offered"]}


@pytest.fixture
def office(superuser: User) -> AdminClient:
    return AdminClient(superuser)


def run(office: AdminClient, action: str, *rows: Webhook | WebhookDelivery, **typed: str) -> str:
    """Run the action on these rows; return the page that follows."""
    text: str = office.act(action, *rows, **typed).content.decode()
    return text


def test_the_secret_is_on_the_page_that_follows_and_on_no_other(office: AdminClient) -> None:
    after = office.send(page(Webhook, "add"), **BODY).content.decode()
    webhook = Webhook.objects.get()
    assert webhook.secret in after
    assert webhook.events == "appointment.booked waitlist.offered"
    rotated = run(office, "rotate_secret", webhook)
    old, webhook = webhook.secret, Webhook.objects.get()
    assert webhook.secret in rotated
    shown = office.get(page(webhook, "change")).content.decode()
    shown += office.get(page(Webhook)).content.decode()
    shown += office.get(page(webhook, "history")).content.decode()
    shown += office.get("/admin/").content.decode()
    assert "Made a new secret." in shown
    for secret in (old, webhook.secret):
        assert secret not in shown


def test_a_refused_address_is_an_error_of_the_form(office: AdminClient) -> None:
    refused = office.send(page(Webhook, "add"), **{**BODY, "url": "https://10.0.0.1/"})
    assert "The host is not at a public address." in refused.content.decode()
    assert not Webhook.objects.exists()


def test_a_form_changes_what_was_changed_by_the_verb(office: AdminClient) -> None:
    webhook = make_webhook(is_active=False, disabled_reason="gone", failures=3)
    office.change(webhook, events=["appointment.moved"], is_active="on")
    webhook.refresh_from_db()
    assert (webhook.events, webhook.is_active, webhook.failures) == ("appointment.moved", True, 0)
    webhook.change(webhook.created_by, is_active=False)
    assert "1 activated." in run(office, "activate", webhook)
    assert Webhook.objects.get().is_active


def test_messages_are_sent_again_with_their_ids(office: AdminClient) -> None:
    webhook, at = make_webhook(), timezone.now()
    messages = [webhook.send_test() for _ in range(3)]
    ids = [each.message_id for each in messages]
    rows = WebhookDelivery.objects
    rows.update(sent_at=at, occurred_at=at - timedelta(days=9))
    rows.filter(pk=messages[0].pk).update(sent_at=None, given_up_at=at, attempts=10)
    assert "1 message is sent again." in run(office, "replay", messages[0])
    again = rows.get(pk=messages[0].pk)
    assert (again.state, again.attempts, again.message_id) == ("waiting", 0, ids[0])
    assert rows.unsent().count() == 1
    before = f"{at - timedelta(days=8):%Y-%m-%d}", f"{at - timedelta(days=10):%Y-%m-%d}"
    assert "0 messages are sent again." in run(office, "replay_since", webhook, since=before[0])
    assert "3 messages are sent again." in run(office, "replay_since", webhook, since=before[1])
    assert rows.unsent().count() == 3
    assert "Type the date" in run(office, "replay_since", webhook)
    assert sorted(rows.values_list("message_id", flat=True)) == sorted(ids)


def test_to_send_again_to_a_webhook_that_is_not_active_is_refused(office: AdminClient) -> None:
    webhook = make_webhook()
    message = webhook.send_test()
    WebhookDelivery.objects.update(given_up_at=timezone.now())
    webhook.change(webhook.created_by, is_active=False)
    since = f"{timezone.now():%Y-%m-%d}"
    for answer in (
        run(office, "replay", message),
        run(office, "replay_since", webhook, since=since),
    ):
        assert "0 messages are sent again." in answer
        assert "Activate it first." in answer
    assert not WebhookDelivery.objects.unsent().exists()


def test_messages_of_a_deleted_webhook_are_not_counted(office: AdminClient) -> None:
    kept, deleted = make_webhook(), make_webhook("https://gone.example/")
    message, gone = kept.send_test(), deleted.send_test()
    deleted.remove(deleted.created_by)
    shown = office.get(page(WebhookDelivery)).context["cl"]
    assert (shown.result_count, [row.pk for row in shown.result_list]) == (1, [message.pk])
    assert office.status(page(gone, "change")) == 302


def test_the_list_filters_by_what_became_of_messages(office: AdminClient) -> None:
    webhook = make_webhook()
    done, failed = webhook.send_test(), webhook.send_test()
    WebhookDelivery.objects.filter(pk=done.pk).update(sent_at=timezone.now())
    WebhookDelivery.objects.filter(pk=failed.pk).update(failure="HTTP 503", attempts=2)
    listed = office.get(page(WebhookDelivery), state="waiting")
    assert [row.pk for row in listed.context["cl"].result_list] == [failed.pk]
    assert "HTTP 503" in listed.content.decode()


def test_staff_of_a_site_see_no_webhook(staff: User) -> None:
    every = Permission.objects.filter(content_type__model__startswith="webhook")
    staff.user_permissions.set(every)
    lists = page(Webhook), page(WebhookDelivery), page(Webhook, "add")
    assert [AdminClient(staff).status(path) for path in lists] == [200, 200, 200]
    SiteStaffFactory(user=staff)
    assert [AdminClient(staff).status(path) for path in lists] == [403, 403, 403]
