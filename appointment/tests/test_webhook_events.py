"""Each event of a visit queues its message, in the transaction of the event."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from appointment.models import Appointment, AppointmentEvent, EventType, Webhook, WebhookDelivery
from appointment.models.erasure import anonymize_for
from appointment.models.webhook_delivery import EXPIRES_AFTER
from appointment.tests.factories import AppointmentFactory
from appointment.tests.waitlist import waiting
from appointment.tests.webhooks import make_webhook
from appointment.webhook_triggers import OFFERED, TABLES, TYPES
from doctor.models import Slot
from doctor.tests.factories import ScheduleFactory
from patient.models import Patient

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def webhook(db: None) -> Webhook:
    return make_webhook()


def told() -> list[tuple[str, dict[str, Any]]]:
    """Return type and data of the messages, in their order."""
    return [(each.event_type, each.data) for each in WebhookDelivery.objects.order_by("pk")]


def about(visit: Appointment, slot: Slot, status: str) -> dict[str, Any]:
    """Return the data of a message about this visit in this slot."""
    where = {"doctor": slot.doctor_id, "location": slot.location_id, "slot": slot.pk}
    return {"appointment": visit.pk, **where, "patient": visit.patient_id, "status": status}


def test_each_event_of_a_visit_queues_a_message_with_the_keys_of_that_moment(
    webhook: Webhook, patient: Patient, staff: User
) -> None:
    first, second = (ScheduleFactory().slots.earliest("starts_at") for _ in range(2))
    visit = Appointment.objects.book_own(patient.user, first.doctor_id, first.pk)
    visit.reschedule(second.pk, staff)
    visit.cancel(by=staff)
    visit.undo(staff)
    visit.check_in(staff, at=second.starts_at)
    visit.complete(staff, at=second.starts_at)
    visit.mark_no_show(staff, at=second.ends_at)
    assert first.doctor_id != second.doctor_id
    assert told() == [
        (EventType.BOOKED, about(visit, first, "scheduled")),
        (EventType.MOVED, about(visit, second, "scheduled")),
        (EventType.CANCELED, about(visit, second, "canceled")),
        (EventType.UNDONE, about(visit, second, "scheduled")),
        (EventType.CHECKED_IN, about(visit, second, "scheduled")),
        (EventType.COMPLETED, about(visit, second, "completed")),
        (EventType.NO_SHOW, about(visit, second, "no_show")),
    ]
    rows = WebhookDelivery.objects.order_by("pk")
    events = list(visit.events.order_by("pk").values_list("pk", "at"))
    assert list(rows.values_list("event", "occurred_at")) == events
    lives = [(row.expires_at or row.created_at) - row.created_at for row in rows]
    assert all(abs(each - EXPIRES_AFTER) <= timedelta(seconds=1) for each in lives)


def test_a_live_visit_that_is_deleted_as_a_mistake_queues_a_cancelation(webhook: Webhook) -> None:
    visit, other = AppointmentFactory(), AppointmentFactory(status="completed")
    slot, key = visit.slot, visit.pk
    visit.discard()
    visit.pk = key
    other.discard()
    assert told()[2:] == [(EventType.CANCELED, about(visit, slot, "canceled"))]
    assert not AppointmentEvent.objects.exists()
    assert not Appointment.objects.exists()


def test_an_offer_queues_a_message(webhook: Webhook) -> None:
    visit = AppointmentFactory()
    entry = waiting(visit)
    visit.cancel(at=visit.starts_at - timedelta(days=1))
    [offer] = entry.offers.all()
    slot = visit.slot
    where = {"doctor": slot.doctor_id, "location": slot.location_id, "slot": slot.pk}
    offered = {"offer": offer.pk, "waitlist_entry": entry.pk, **where}
    assert (OFFERED, {**offered, "patient": entry.patient_id, "status": "open"}) in told()


def test_only_active_webhooks_that_subscribe_to_an_event_get_it(patient: Patient) -> None:
    wants = make_webhook("https://a.example/", "appointment.booked")
    make_webhook("https://b.example/", "appointment.moved", "appointment.canceled")
    make_webhook("https://c.example/", is_active=False)
    AppointmentFactory(patient=patient)
    assert list(WebhookDelivery.objects.values_list("webhook", flat=True)) == [wants.pk]


def test_a_call_without_an_answer_and_a_changed_reason_queue_nothing(
    webhook: Webhook, staff: User
) -> None:
    visit = AppointmentFactory()
    visit.amend("Knee", staff)
    visit.note_call(staff)
    assert [each for each, _ in told()] == [EventType.BOOKED]
    kinds = set(AppointmentEvent.Kind.values)
    assert kinds - set(TYPES) == {"amended", "kept", "called"}
    assert {*TYPES.values(), OFFERED} == set(EventType.subscribable())


def test_a_transaction_that_is_rolled_back_queues_nothing(webhook: Webhook) -> None:
    with transaction.atomic():
        AppointmentFactory()
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()


def test_an_erased_person_leaves_keys_and_nothing_else(webhook: Webhook, patient: Patient) -> None:
    visit = AppointmentFactory(patient=patient, reason="Headache")
    key = patient.pk
    with transaction.atomic():
        anonymize_for([patient], None, timezone.now(), keep_deadlines=False)
    assert visit.events.filter(kind="canceled").exists()
    columns = [str(row) for row in WebhookDelivery.objects.values()]
    assert {each["patient"] for _, each in told()} == {key}
    for secret in ("Headache", patient.last_name, patient.first_name):
        assert secret not in "".join(columns)


def test_the_triggers_are_there_after_all_migrations() -> None:
    """On SQLite a migration that copies one of the tables drops them."""
    names = {
        "postgresql": "SELECT tgname FROM pg_trigger",
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    }
    with connection.cursor() as cursor:
        cursor.execute(names[connection.vendor])
        assert {name for (name,) in cursor.fetchall()} >= {f"{each}_webhooks" for each in TABLES}
