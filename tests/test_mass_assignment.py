"""Every write of the API changes no column but those that tests/matrix/changes.txt lists."""

from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.db import models
from django.db.models import ForeignKey, Model
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from tests.document import writable
from tests.matrix.rows import Change, stored
from tests.matrix.tables import changes_table
from tests.routes import api_routes
from tests.sample_data import SampleData, call, rolled_back

pytestmark = pytest.mark.django_db

CHANGES = changes_table()
WRITING = [
    (method, route)
    for route, methods in api_routes().items()
    for method in sorted(methods & {"POST", "PUT", "PATCH", "DELETE"})
]
NOW = timezone.now()
BY_KIND: list[tuple[Any, Any]] = [
    (models.BooleanField, True),
    (models.DateTimeField, "2001-02-03T04:05:06Z"),
    (models.DateField, "2001-02-03"),
    (models.TimeField, "04:05:06"),
    (models.IntegerField, 7),
    (models.EmailField, "evil@example.com"),
]
MORE = {"is_active": False, "is_open": False, "status": "completed", "password": "evil"}


def everything(of: SampleData) -> dict[str, Any]:
    """Map every field name of every model, `<name>_id` included, to a value that fits the field."""
    values: dict[str, Any] = {}
    for model in apps.get_models():
        for field in model._meta.get_fields(include_hidden=True):
            value = value_of(field)
            values |= dict.fromkeys((field.name, getattr(field, "attname", field.name)), value)
    stranger = of.accounts["other"].pk
    return {**values, **MORE, "user": stranger, "user_id": stranger, "pk": 7}


def value_of(field: Any) -> Any:
    """Return a value that the field would take; for a key, the key of an existing row."""
    if isinstance(field, ForeignKey):
        return first_key(field.related_model)
    return next((value for kind, value in BY_KIND if isinstance(field, kind)), "evil")


def first_key(model: type[Model]) -> Any:
    return model._base_manager.order_by("pk").values_list("pk", flat=True).first()


def change_by(client: APIClient, method: str, path: str, body: Any) -> Change:
    """Return what a call changes in the database, and roll it back. The call must succeed."""
    with time_machine.travel(NOW, tick=False), rolled_back():
        before = stored()
        answer = call(client, method, path, body)
        assert answer.status_code < 300, answer.content
        return Change(before, stored())


def test_the_list_of_allowed_changes_names_exactly_the_writes() -> None:
    assert sorted(CHANGES) == sorted(WRITING)


@pytest.mark.parametrize(("method", "route"), WRITING)
def test_a_call_changes_only_the_fields_that_its_contract_names(
    method: str, route: str, sample_data: SampleData
) -> None:
    client, path, right = (
        sample_data.client_for(method, route),
        sample_data.path(route),
        sample_data.body(method, route),
    )
    change = change_by(client, method, path, right)
    assert change.columns() <= CHANGES[method, route]
    beside = {
        name: value
        for name, value in everything(sample_data).items()
        if name not in writable(method, route)
    }
    greedy = change_by(client, method, path, {**beside, **(right or {})})
    assert greedy.columns() <= CHANGES[method, route]
    assert greedy.content() == change.content()


def test_a_change_that_happens_is_reported(sample_data: SampleData) -> None:
    """The control: the test reports a change that happened."""
    owner = sample_data.accounts["owner"]
    with rolled_back():
        before = stored()
        User.objects.filter(pk=owner.pk).update(is_staff=True)
        change = Change(before, stored())
    assert change.columns() == {"accounts.user.is_staff"}
    assert change.content() == [f"accounts.user {owner.pk} is_staff=True"]
