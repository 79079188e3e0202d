"""Fixtures of the whole suite: the database it runs on, quick passwords, people."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import environ
import hypothesis
import pytest
from django.apps import AppConfig
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.test import TransactionTestCase, override_settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import StaffFactory, SuperuserFactory, UserFactory
from doctor.tests.factories import DoctorFactory
from patient.models import Patient
from patient.tests.factories import PatientFactory
from tests.database import FOLDER, KEY, Database
from tests.flush import Flush
from tests.people import reception_group
from tests.pgbouncer import Through
from tests.templates import Templates

# The same examples in every run, and no verdict on the speed of the machine.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None)
hypothesis.settings.load_profile("suite")


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over what importing has made, and look less often.

    It stays to the end, and to walk through it again and again takes a tenth of the suite's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


# --- Database -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def database(pytestconfig: pytest.Config) -> Database:
    """What this run is on: `.kind` is sqlite or postgres, `.create_database(name)` makes more."""
    return pytestconfig.stash[KEY]


@pytest.fixture(scope="session")
def templates(database: Database, pytestconfig: pytest.Config) -> Templates:
    """The databases that are made once a run and then copied."""
    return Templates(database, pytestconfig.stash[FOLDER])


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, database: Database, templates: Templates, django_db_blocker: Any
) -> Iterator[Flush]:
    """A database of this process, a copy of the migrated one, as tests that commit leave it too.

    It takes the place of pytest-django's fixture, which migrates. SQLite's is a file: in memory all
    threads would share one connection.
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
    """Does the same for who commits outside of a test: `flush()`."""
    return django_db_setup


@pytest.fixture
def direct(database: Database) -> None:
    """For what cannot be had through PgBouncer, which the run then says."""
    if isinstance(database, Through):
        pytest.skip(
            "not through PgBouncer: pg_dump is refused there, and no more transactions wait for "
            "each other than it has connections"
        )


# --- Settings -------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Argon2 is slow on purpose; only the test of the real hasher needs to wait for it."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_clients() -> Iterator[None]:
    """Find a static file when it is asked for: each client of a test would list them all first."""
    with override_settings(WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """No test counts calls, or reads answers, of the one before it."""
    cache.clear()


# --- Queries for each row -------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def no_query_for_each_row() -> Iterator[None]:
    """Fail a request that asks the same of one row after another (django-zeal)."""
    AppConfig.create("zeal").ready()
    middleware = [*settings.MIDDLEWARE, "zeal.middleware.zeal_middleware"]
    with override_settings(MIDDLEWARE=middleware, ZEAL_NPLUSONE_THRESHOLD=3):
        yield


@pytest.fixture
def row_by_row() -> Iterator[None]:
    """Let a verb go through its rows one by one, where it does so on purpose."""
    with override_settings(ZEAL_NPLUSONE_THRESHOLD=1000):  # in every thread of the test
        yield


# --- People: patient, other_patient, doctor_user, staff -------------------------------------------


@pytest.fixture
def patient(db: None) -> Patient:
    """Somebody with an account and a profile."""
    return PatientFactory()


@pytest.fixture
def other_patient(db: None) -> Patient:
    """Somebody else."""
    return PatientFactory()


@pytest.fixture
def doctor_user(db: None) -> User:
    """The account of a doctor, `doctor_user.doctor`."""
    return DoctorFactory(user=UserFactory()).user


@pytest.fixture
def staff(db: None) -> User:
    """Staff of the reception, with the permissions that its migration gives."""
    user = StaffFactory()
    user.groups.add(reception_group())
    return user


@pytest.fixture
def superuser(db: None) -> User:
    """Who may do everything in the admin."""
    return SuperuserFactory()


@pytest.fixture
def client_of() -> Callable[[User | None], APIClient]:
    """`client_of(user)`: an API client with that user's token; of None, an anonymous one."""

    def of(user: User | None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Token {user.issue_token()[0]}")
        return client

    return of
