"""Errors name their limits by `params`, also those that models and validators of Django find."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import SuperuserFactory
from patient.tests.factories import PatientFactory

pytestmark = pytest.mark.django_db

REGISTERED = {"email": "ana@example.com", "password": "aB3", "first_name": "", "last_name": "Reed"}
WEBHOOK = {"url": f"https://records.example/{'x' * 500}", "events": ["appointment.booked"]}


def params_of(user: User | None, method: str, path: str, **body: Any) -> dict[str, Any]:
    """Return the params of each code in the answer."""
    client = APIClient()
    client.force_authenticate(user)
    answer = getattr(client, method)(f"/api/{path}", body, format="json")
    assert answer.status_code == 400
    return {each["code"]: each["params"] for each in answer.json()["errors"]}


def test_limits_that_stand_outside_of_fields_are_params_too() -> None:
    found = params_of(None, "post", "auth/register/", **REGISTERED)
    assert found == {"password_too_short": {"min_length": 8}}
    found = params_of(SuperuserFactory(), "post", "appointment/webhooks/", **WEBHOOK)
    assert found == {"max_length": {"max_length": 500}}
    found = params_of(None, "get", f"doctor/doctors/?search={'x' * 201}")
    assert found == {"invalid": {"words": 10, "characters": 200}}


def test_a_date_out_of_range_names_the_range() -> None:
    user = PatientFactory().user
    found = params_of(user, "patch", "patient/profile/", date_of_birth="1850-01-01")
    assert found["date_range"]["first"] == "1900-01-01"
    assert found["date_range"]["last"] >= timezone.now().date().isoformat()
