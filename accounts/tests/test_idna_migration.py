"""The migration that stores domains as A-labels of IDNA 2008."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def stored_before(email: str) -> User:
    """Return a verified account whose address is stored in Unicode, as older releases did."""
    user = UserFactory(email_verified_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET email = %s WHERE id = %s", [email, user.pk])
    return user


def test_domains_in_unicode_become_a_labels(capsys: pytest.CaptureFixture[str]) -> None:
    same = stored_before("ana@bücher.example")
    other = stored_before("eve@fußball.example")
    taken = stored_before("luis@bücher.example")
    UserFactory(email="luis@xn--bcher-kva.example")
    migration = import_module("accounts.migrations.0008_idna_addresses")
    migration.to_a_labels(apps, SimpleNamespace(connection=connection))
    found = {user.pk: user for user in User.objects.all()}
    assert found[same.pk].email == "ana@xn--bcher-kva.example"
    assert found[same.pk].email_verified_at is not None
    assert found[other.pk].email == "eve@xn--fuball-cta.example"
    assert found[other.pk].email_verified_at is None, "its mail went to fussball.example"
    assert found[taken.pk].email == "luis@bücher.example"
    assert f"Account {taken.pk}" in capsys.readouterr().err
