"""Helpers of the tests of repeated requests."""

from collections.abc import Callable
from typing import Any

from rest_framework.test import APIClient

from appointment.models import Appointment
from doctor.models import Slot

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


def send(client: APIClient, path: str, body: object, key: str | None = KEY, **more: Any) -> Any:
    """Post a body with an Idempotency-Key, or without one."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(path, body, headers=headers, **more)


def book(client: APIClient, slot: Slot, key: str | None = KEY, **more: Any) -> Any:
    """Book a slot under a key."""
    body = {"slot_id": slot.pk, "reason": "Check-up", **more}
    return send(client, f"/api/appointment/book/{slot.doctor_id}/", body, key)


def cancel(client: APIClient, visit: Appointment, key: str | None = KEY) -> Any:
    """Cancel a visit under a key."""
    return send(client, f"/api/appointment/cancel/{visit.pk}/", {"reason": "A cold"}, key)


def reschedule(client: APIClient, visit: Appointment, to: Slot, key: str | None = KEY) -> Any:
    """Move a visit under a key."""
    return send(client, f"/api/appointment/reschedule/{visit.pk}/", {"slot_id": to.pk}, key)


def assert_replayed(send_it: Callable[[], Any]) -> Any:
    """Check that a second request replays the first answer, and return the first answer."""
    first, second = send_it(), send_it()
    assert first.status_code in {200, 201}, first.content
    assert not first.has_header("Idempotency-Replayed")
    assert second["Idempotency-Replayed"] == "true"
    same = "status_code", "content"
    assert [getattr(second, name) for name in same] == [getattr(first, name) for name in same]
    for name in ("Location", "Content-Type"):
        assert second.get(name) == first.get(name)
    return first
