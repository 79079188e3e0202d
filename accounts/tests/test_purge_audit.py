"""`manage.py purge_audit` deletes old events of the audit trail, and nothing else can."""

import threading
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.audit import models
from accounts.models import AuditEvent, User
from extensions.db.triggers import purging
from tests.threads import SECONDS, becomes_true, run_together, somebody_waits

pytestmark = pytest.mark.both_databases

OLD = datetime(2020, 12, 30, 12, tzinfo=UTC)
BEFORE = datetime(2021, 1, 1, tzinfo=UTC)


def add_events(*instants: datetime) -> None:
    for instant in instants:
        AuditEvent.objects.record("read", User, at=instant)


def purge(before: str) -> str:
    """Run the command and return what it prints."""
    out = StringIO()
    call_command("purge_audit", f"--before={before}", stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_purge_deletes_what_is_older_than_the_date_and_records_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models, "ROWS_PER_PURGE", 2)
    kept = [BEFORE, BEFORE + timedelta(seconds=1), timezone.now()]
    add_events(*(OLD + timedelta(minutes=number) for number in range(5)), *kept)
    assert "5 events deleted" in purge("2021-01-01")
    *others, event = AuditEvent.objects.order_by("at")
    assert [row.at for row in others] == kept
    assert (event.action, event.kind, event.role) == ("delete", "accounts.auditevent", "system")
    assert event.channel == "command"


@pytest.mark.django_db
def test_after_a_purge_the_database_refuses_a_delete_again() -> None:
    add_events(OLD)
    with purging(AuditEvent, BEFORE):
        AuditEvent.objects.all().delete()
    add_events(OLD)
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEvent.objects.all().delete()


@pytest.mark.django_db
@pytest.mark.only_on("postgres")
def test_a_purge_cannot_delete_a_newer_event() -> None:
    add_events(OLD, BEFORE)
    with pytest.raises(IntegrityError), purging(AuditEvent, BEFORE):
        AuditEvent.objects.all().delete()


@pytest.mark.django_db
@pytest.mark.only_on("postgres")
def test_a_role_that_does_not_own_the_table_cannot_purge_it() -> None:
    add_events(OLD)
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE of_application")
        cursor.execute(
            "GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA public TO of_application"
        )
        cursor.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO of_application")
        cursor.execute("SET LOCAL ROLE of_application")
    with pytest.raises(CommandError, match="Only the owner of the table"), transaction.atomic():
        purge("2021-01-01")
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
    assert AuditEvent.objects.filter(at=OLD).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("postgres")
def test_an_event_is_recorded_while_a_purge_is_under_way() -> None:
    add_events(OLD)
    with purging(AuditEvent, BEFORE):
        AuditEvent.objects.filter(at__lt=BEFORE).delete()
        assert run_together(1, lambda number: add_events(BEFORE)) == [None]
    assert AuditEvent.objects.get().at == BEFORE


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("postgres")
def test_a_purge_that_waits_for_the_rows_of_another_goes_on_with_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models, "ROWS_PER_PURGE", 2)
    add_events(*(OLD + timedelta(minutes=number) for number in range(7)))
    first_are_locked = threading.Event()

    def purge_some(number: int) -> str:
        if number:
            assert first_are_locked.wait(SECONDS)
            return purge("2021-01-01")
        with purging(AuditEvent, BEFORE):
            AuditEvent.objects.filter(at__lt=OLD + timedelta(minutes=2)).delete()
            first_are_locked.set()
            assert becomes_true(somebody_waits)
        return ""

    assert run_together(2, purge_some)[1] == (
        "5 events deleted, all from before 2021-01-01 (UTC).\n"
    )
    assert not AuditEvent.objects.filter(at__lt=BEFORE).exists()


@pytest.mark.django_db
def test_a_purge_of_rows_that_the_database_keeps_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    add_events(OLD)
    monkeypatch.setattr(models.AuditEventQuerySet, "delete", lambda self: (0, {}))
    assert list(AuditEvent.objects.purge(BEFORE)) == []


@pytest.mark.parametrize("before", ["2999-01-01", "yesterday", "01/12/2020", ""])
def test_a_date_that_is_not_past_is_refused(before: str) -> None:
    with pytest.raises(CommandError, match="use a date"):
        call_command("purge_audit", f"--before={before}")
