"""Extra members of a body change nothing, and appear in no answer."""

from itertools import chain
from typing import Any

import pytest

from accounts.models import User
from appointment.models import Appointment
from doctor.models import Schedule
from tests.routes import api_routes
from tests.sample_data import SampleData, call, rolled_back

pytestmark = pytest.mark.django_db

EXTRA_MEMBERS: dict[str, Any] = {
    "id": 987654,
    "pk": 987654,
    "user": 987654,
    "patient": 987654,
    "is_dependent": True,
    "booked_by": 987654,
    "email": "evil@example.com",
    "is_staff": True,
    "is_superuser": True,
    "is_active": False,
    "groups": [1],
    "date_joined": "2000-01-01T00:00:00Z",
    "status": "completed",
    "created_at": "2000-01-01T00:00:00Z",
    "updated_at": "2000-01-01T00:00:00Z",
    "canceled_at": "2000-01-01T00:00:00Z",
    "cancel_reason": "evil",
    "starts_at": "2000-01-01T00:00:00Z",
    "total_slots": 987654,
    "available_slots": 987654,
    "taken": 987654,
    "can_cancel": False,
    "token": "0" * 64,
    "expiry": "2000-01-01T00:00:00Z",
    "__class__": "x",
    "": "x",
}
WRITING = [
    (method, route)
    for route, methods in api_routes().items()
    for method in sorted(methods & {"POST", "PUT", "PATCH"})
]
CHANCE = {
    "token",
    "url",
    "secret",
    "message_id",
    "expiry",
    "id",
    "created_at",
    "updated_at",
    "canceled_at",
    "date_joined",
    "checked_in_at",
}


@pytest.mark.parametrize(("method", "route"), WRITING)
def test_unknown_and_read_only_fields_change_nothing(
    method: str, route: str, sample_data: SampleData
) -> None:
    right, path = sample_data.body(method, route) or {}, sample_data.path(route)
    client = sample_data.client_for(method, route)
    with rolled_back():
        plain, rows = call(client, method, path, right), stored()
    with rolled_back():
        beside = call(client, method, path, {**EXTRA_MEMBERS, **right})
        assert stored() == rows
    assert beside.status_code == plain.status_code < 300
    if plain.content:
        assert without_chance(beside.json()) == without_chance(plain.json())
        reported = set(flat(beside.json()))
        assert not reported & {987654, "evil", "evil@example.com", "0" * 64, "2000-01-01T00:00:00Z"}


def stored() -> list[Any]:
    """Return the columns of users, visits and sessions that the extra members could change."""
    accounts = User.objects.order_by("pk").values_list(
        "email", "is_staff", "is_superuser", "is_active"
    )
    visits = Appointment.objects.order_by("pk").values_list(
        "patient", "status", "booked_by", "starts_at"
    )
    return [
        list(accounts),
        list(visits),
        list(Schedule.objects.order_by("pk").values_list("is_active")),
    ]


def without_chance(answer: Any) -> Any:
    """Return the answer without the members that differ from call to call."""
    if isinstance(answer, dict):
        return {name: without_chance(value) for name, value in answer.items() if name not in CHANCE}
    return answer


def flat(answer: Any) -> Any:
    """Return the values in the answer and its nested objects; of a list, its repr as one value."""
    if isinstance(answer, dict):
        return chain.from_iterable(map(flat, answer.values()))
    return [repr(answer)] if isinstance(answer, list) else [answer]
