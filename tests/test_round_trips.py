"""What one call sends to PostgreSQL: each message that waits for an answer."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import UserFactory
from extensions.db.backends.postgresql.base import DatabaseWrapper
from extensions.db.backends.postgresql.connection_watchdog import Connection, Cursor
from extensions.db.backends.postgresql.timeouts import short_timeouts, use_timeouts

pytestmark = [pytest.mark.only_on("postgres"), pytest.mark.django_db(transaction=True)]

OWN_ACCOUNT = "/api/auth/profile/"


@pytest.fixture
def reconnected(settings: Any) -> Iterator[None]:
    """Let the next statement connect, as the first one of a server's thread does."""
    settings.DATABASE_LIMITS = {"lock": 3, "statement": 5, "idle": 30}
    connection.close()
    yield
    connection.close()


@contextmanager
def messages(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield a list of what is sent: the SQL of each statement, BEGIN and COMMIT."""
    sent: list[str] = []

    def execute(cursor: Any, query: Any, vars: Any = None) -> None:
        opens = not cursor.connection.autocommit and cursor.connection.status == 1
        psycopg2.extensions.cursor.execute(cursor, cursor.connection.with_timeouts(query), vars)
        sent.extend(["BEGIN"] if opens else [])
        sent.append(cursor.query.decode())

    def commit(line: Any) -> None:
        psycopg2.extensions.connection.commit(line)
        sent.append("COMMIT")

    with monkeypatch.context() as patch:
        patch.setattr(Cursor, "execute", execute)
        patch.setattr(Connection, "commit", commit)
        yield sent


@pytest.mark.usefixtures("direct", "reconnected")
def test_each_read_is_one_message_without_settings_and_without_a_transaction(
    client_of: Callable[[User], APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(UserFactory())
    connection.close()
    client.get(OWN_ACCOUNT)
    with messages(monkeypatch) as sent:
        assert client.get(OWN_ACCOUNT).status_code == 200
    assert [each.partition(" ")[0] for each in sent] == ["SELECT"] * 2, sent  # account and doctor


@pytest.mark.usefixtures("direct", "reconnected")
def test_a_session_of_requests_has_their_timeouts_and_utc() -> None:
    with use_timeouts(), connection.cursor() as cursor:
        names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name IN %s", [names])
        assert [int(value) for _, value in sorted(cursor.fetchall())] == [30_000, 3_000, 5_000]
    assert ask("SHOW timezone") == ("UTC",)


def ask(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def statement_timeout() -> str:
    return str(ask("SHOW statement_timeout")[0])


@pytest.mark.usefixtures("reconnected")
def test_shorter_timeouts_hold_in_their_block_alone() -> None:
    with use_timeouts():
        assert statement_timeout() == "5s"
        with short_timeouts(2):
            assert statement_timeout() == "2s"
            with transaction.atomic():
                assert statement_timeout() == "2s"
        assert statement_timeout() == "5s"


@pytest.mark.usefixtures("reconnected")
def test_a_statement_of_a_command_has_no_limit() -> None:
    assert statement_timeout() == "0"
    with transaction.atomic():
        assert statement_timeout() == "0"


@pytest.mark.usefixtures("reconnected")
def test_behind_pgbouncer_each_transaction_sets_its_timeouts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    with use_timeouts():
        assert statement_timeout() == "5s"
        assert connection.connection.of_session is None


# --- A connection that broke ----------------------------------------------------------------------


@pytest.mark.usefixtures("direct", "reconnected")
def test_a_request_after_the_server_ended_the_connection_succeeds() -> None:
    with use_timeouts():
        [pid] = ask("SELECT pg_backend_pid()")
        parameters = connection.get_connection_params()
        plain = {"connection_factory": None, "cursor_factory": None}
        other = psycopg2.connect(**{**parameters, **plain})
        with closing(other), other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            assert cursor.fetchone() == (True,)
        connection.close_if_unusable_or_obsolete()  # as each request begins
        assert ask("SELECT pg_backend_pid()") != (pid,)


@pytest.mark.usefixtures("reconnected")
def test_a_connection_that_was_silent_for_a_second_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []
    wrapper: Any = connection

    def answers(_: DatabaseWrapper) -> bool:
        asked.append(True)
        return True

    monkeypatch.setattr(DatabaseWrapper, "is_usable", answers)
    with use_timeouts():
        statement_timeout()
        wrapper.health_check_enabled = True
        for silent in (0.0, 1.1):
            wrapper.health_check_done = False
            wrapper.connection.answered_at -= silent
            wrapper.close_if_health_check_failed()
    assert asked == [True]
