"""Fixtures of the whole suite: the database, quick passwords and clients, and people."""

import gc
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import environ
import hypothesis
import pytest
from django.apps import AppConfig
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.db.backends.signals import connection_created
from django.test import TransactionTestCase, override_settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import StaffFactory, SuperuserFactory, UserFactory
from doctor.models import Location
from doctor.tests.factories import DoctorFactory, LocationFactory, SiteStaffFactory
from extensions import public_http
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.browser import chromium
from tests.database import FOLDER, KEY, Database
from tests.flush import Flush
from tests.people import reception_group
from tests.pgbouncer import Through
from tests.templates import Templates
from tests.zones import watch_conversions

# Hypothesis makes the same examples in every run, and a slow machine fails no test.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None)
hypothesis.settings.load_profile("suite")

# No statement of any test converts a wall time: each database has zone data of its own.
connection_created.connect(watch_conversions)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Migrate the database that the workers copy while they still import the tests."""
    config = session.config
    if config.pluginmanager.hasplugin("dsession"):  # this process starts the workers
        templates = Templates(config.stash[KEY], config.stash[FOLDER])
        migration = threading.Thread(target=templates.migrated)
        migration.start()
        config.add_cleanup(migration.join)  # before the database stops


# These take longest, and have few tests.
LONGEST = ("test_migrations.py", "test_seed_demo.py", "test_stateful.py", "test_serve.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first and then those with most tests, so that the workers end together.

    `make test` tells pytest-xdist to keep this order. By its own, one worker would begin a file of
    a quarter of a minute while the other one ends.
    """
    if hasattr(config, "workerinput"):
        tests = Counter(item.path for item in items)
        items.sort(key=lambda item: (_rank(item.path), -tests[item.path]))


def _rank(path: Path) -> int:
    """Return 0 for a test in the browser, which a worker starts once for all, then 1, then 2."""
    if path.parent.name == "browser":
        return 0
    return 1 if path.name in LONGEST else 2


def pytest_collection_finish() -> None:
    """Collect garbage after the imports, exempt the rest from collection, and collect less often.

    The imported objects stay to the end. To traverse them again and again takes a tenth of the
    suite's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it loudly if tests in a browser did not run, since there is none."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(chromium.MISSING in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_line(f"!!! {count} tests: {chromium.MISSING}", red=True, bold=True)


# --- Database -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def database(pytestconfig: pytest.Config) -> Database:
    """Return the database of this run: `.kind` is sqlite or postgres."""
    return pytestconfig.stash[KEY]


@pytest.fixture(scope="session")
def templates(database: Database, pytestconfig: pytest.Config) -> Templates:
    """Return the databases that a run makes once and then copies."""
    return Templates(database, pytestconfig.stash[FOLDER])


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, database: Database, templates: Templates, django_db_blocker: Any
) -> Iterator[Flush]:
    """Make the database of this process, a copy of the migrated one, and yield its Flush.

    It replaces pytest-django's fixture, which migrates. The database of SQLite is a file, since in
    memory all threads would share one connection. A test with transactions ends with a Flush, which
    is quicker than Django's command `flush`.
    """
    connection = connections["default"]
    url = database.create_database("test_clinic", templates.migrated())
    connection.settings_dict["NAME"] = environ.Env.db_url_config(url)["NAME"]
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        flush = Flush(connection)
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: flush())
        yield flush
        connections.close_all()


@pytest.fixture(scope="session")
def flush(django_db_setup: Flush) -> Flush:
    """Return `flush()`, which deletes the rows of tests, for fixtures that commit."""
    return django_db_setup


@pytest.fixture
def direct(database: Database) -> None:
    """Skip the test if the suite reaches PostgreSQL through PgBouncer (`--db=pgbouncer`)."""
    if isinstance(database, Through):
        pytest.skip(
            "not through PgBouncer: pg_dump is refused there, and no more transactions wait for "
            "each other than it has connections"
        )


# --- Settings -------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hash passwords by MD5, since Argon2 is slow. Only the test of the hasher needs Argon2."""
    with override_settings(PASSWORD_HASHERS=["tests.quick_passwords.QuickHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_clients() -> Iterator[None]:
    """Let WhiteNoise find static files on request; else every test client lists them all first."""
    with override_settings(WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def no_name_server() -> Iterator[None]:
    """Resolve host names without a network: those of `.example` are at a public address."""

    def resolve(host: str, port: int) -> list[str]:
        with suppress(OSError, UnicodeError):
            numeric = socket.AI_NUMERICHOST
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=numeric)
            return [str(address[0]) for *_, address in found]
        return ["93.184.215.14"] if host.endswith(".example") else []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(public_http, "resolve", resolve)
        yield


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Empty the cache, so that the calls of earlier tests count towards no rate limit."""
    cache.clear()


# --- Queries for each row -------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def no_query_for_each_row() -> Iterator[None]:
    """Fail a request that makes N+1 queries: the same one for row after row (django-zeal)."""
    AppConfig.create("zeal").ready()
    middleware = [*settings.MIDDLEWARE, "zeal.middleware.zeal_middleware"]
    with override_settings(MIDDLEWARE=middleware, ZEAL_NPLUSONE_THRESHOLD=3):
        yield


@pytest.fixture
def row_by_row() -> Iterator[None]:
    """Allow N+1 queries in a test of a method that deals with its rows one by one on purpose."""
    with override_settings(ZEAL_NPLUSONE_THRESHOLD=1000):  # in every thread of the test
        yield


# --- People: patient, other_patient, doctor_user, staff; here and its member ----------------------


@pytest.fixture
def patient(db: None) -> Patient:
    """Create a patient with an account, `patient.user`."""
    return PatientFactory()


@pytest.fixture
def other_patient(db: None) -> Patient:
    """Create another patient, with another account."""
    return PatientFactory()


@pytest.fixture
def doctor_user(db: None) -> User:
    """Create the account of a doctor; `doctor_user.doctor` is the Doctor."""
    return DoctorFactory(user=UserFactory()).user


@pytest.fixture
def staff(db: None) -> User:
    """Create a staff user in the Reception group, whose permissions a migration sets."""
    user = StaffFactory()
    user.groups.add(reception_group())
    return user


@pytest.fixture
def here(db: None) -> Location:
    """Create a site."""
    location: Location = LocationFactory()
    return location


@pytest.fixture
def member(staff: User, here: Location) -> User:
    """Return a receptionist of the site `here`, who sees no other one."""
    SiteStaffFactory(user=staff, location=here)
    return User.objects.get(pk=staff.pk)  # `staff.sites` may have been read before


@pytest.fixture
def superuser(db: None) -> User:
    """Create a user who has every permission."""
    return SuperuserFactory()


@pytest.fixture
def client_of() -> Callable[[User | None], APIClient]:
    """Return `client_of(user)`: an API client with that user's token; None is anonymous."""

    def of(user: User | None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Token {user.issue_token()[0]}")
        return client

    return of
