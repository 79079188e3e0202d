"""Requests with an Idempotency-Key, and the check that a repeated request is replayed."""

from collections.abc import Callable
from typing import Any

from rest_framework.test import APIClient

from appointment.models import Appointment
from doctor.models import Slot

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


def send(client: APIClient, path: str, body: object, key: str | None = KEY, **more: Any) -> Any:
    """Post the body with this Idempotency-Key, or without the header if `key` is None."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(path, body, headers=headers, **more)


def book(client: APIClient, slot: Slot, key: str | None = KEY, **more: Any) -> Any:
    """Post a booking of the slot with this Idempotency-Key."""
    body = {"slot_id": slot.pk, "reason": "Check-up", **more}
    return send(client, f"/api/appointment/book/{slot.doctor_id}/", body, key)


def cancel(client: APIClient, visit: Appointment, key: str | None = KEY) -> Any:
    """Post a cancelation of the visit with this Idempotency-Key."""
    return send(client, f"/api/appointment/cancel/{visit.pk}/", {"reason": "A cold"}, key)


def reschedule(client: APIClient, visit: Appointment, to: Slot, key: str | None = KEY) -> Any:
    """Post a move of the visit to the slot with this Idempotency-Key."""
    return send(client, f"/api/appointment/reschedule/{visit.pk}/", {"slot_id": to.pk}, key)


def assert_replayed(send_it: Callable[[], Any]) -> Any:
    """Call `send_it` twice, check that the second response replays the first; return the first."""
    first, second = send_it(), send_it()
    assert first.status_code in {200, 201}, first.content
    assert not first.has_header("Idempotency-Replayed")
    assert second["Idempotency-Replayed"] == "true"
    same = "status_code", "content"
    assert [getattr(second, name) for name in same] == [getattr(first, name) for name in same]
    for name in ("Location", "Content-Type"):
        assert second.get(name) == first.get(name)
    return first
