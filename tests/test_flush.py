"""The flush after a test that commits leaves the rows of the migrations and no others."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connection

from accounts.models import AuditEvent, User
from appointment.tests.factories import AppointmentFactory
from tests.flush import Flush
from tests.people import reception_group

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def made_by_migrations() -> list[Any]:
    given = Group.permissions.through.objects.order_by("pk").values_list()
    rows = (
        model.objects.order_by("pk").values_list() for model in (ContentType, Permission, Group)
    )
    return [list(queryset) for queryset in (given, *rows)]


def test_rows_go_and_those_of_the_migrations_come_back_as_they_were(flush: Flush) -> None:
    before = made_by_migrations()
    AppointmentFactory()
    reception_group().delete()
    ContentType.objects.filter(app_label="doctor").delete()
    flush()
    assert not User.objects.exists()
    assert made_by_migrations() == before


def test_an_append_only_table_is_emptied_and_guarded_again(flush: Flush) -> None:
    for _ in range(2):
        AuditEvent.objects.record("read", User)
        with pytest.raises(IntegrityError), connection.cursor() as cursor:
            cursor.execute("DELETE FROM accounts_auditevent")
        flush()
        assert not AuditEvent.objects.exists()
