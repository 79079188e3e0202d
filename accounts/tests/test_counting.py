"""The throttles let exactly the limit of simultaneous calls pass."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest
from django.test import RequestFactory
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle

from accounts.models import User
from accounts.throttles import LoginThrottle, MailThrottle, RegistrationThrottle
from extensions.db.cache import increment_counters
from extensions.rest import throttling
from extensions.rest.throttling import AnonymousThrottle, CountingThrottle, UserThrottle
from tests.threads import run_together

pytestmark = pytest.mark.both_databases

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
TABLE = "limits_of_test"


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(START, tick=False) as clock:
        yield clock


@pytest.fixture
def in_table(transactional_db: None, settings: Any) -> Iterator[None]:
    """Count calls in a table of the test database, as production does without CACHE_URL."""
    backend = "extensions.db.cache.DatabaseCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": TABLE}}
    call_command("createcachetable", verbosity=0)
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {TABLE}")


@pytest.fixture
def in_memory(transactional_db: None) -> None:
    """Count calls in the memory of this process, as CACHE_URL=locmemcache:// does."""


@pytest.fixture(params=["in_table", "in_memory"])
def counted(request: pytest.FixtureRequest, transactional_db: None) -> None:
    """Run the test twice: calls are counted in a table, then in memory."""
    request.getfixturevalue(request.param)


def rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {TABLE}")
        return int(cursor.fetchone()[0])


def of_rate(rate: str) -> CountingThrottle:
    """Return a throttle of this rate."""

    class Limited(CountingThrottle):
        scope = "limited"

    Limited.rate = rate
    return Limited()


@pytest.mark.usefixtures("counted", "clock")
def test_exactly_the_limit_of_simultaneous_calls_passes() -> None:
    def four_calls(_: int) -> list[bool]:
        return [of_rate("20/day").allow(HttpRequest(), "caller") for _ in range(4)]

    outcomes = run_together(8, four_calls)
    passed = [calls for calls in outcomes if isinstance(calls, list)]
    assert len(passed) == 8, outcomes
    assert sum(map(sum, passed)) == 20


@pytest.mark.usefixtures("counted")
def test_each_window_of_the_clock_starts_at_zero(clock: Any) -> None:
    throttle = of_rate("2/minute")
    assert [throttle.allow(HttpRequest(), "caller") for _ in range(3)] == [True, True, False]
    clock.shift(timedelta(seconds=59))
    assert not throttle.allow(HttpRequest(), "caller")
    assert throttle.wait() == 1
    clock.shift(timedelta(seconds=1))
    assert throttle.allow(HttpRequest(), "caller")
    assert throttle.wait() == 60


@pytest.mark.usefixtures("in_table")
def test_the_table_holds_few_expired_counters(clock: Any) -> None:
    for minute in range(5):
        for caller in range(20):
            increment_counters([(f"caller-{caller}", 60)])
        assert rows() <= 40, minute
        clock.shift(timedelta(minutes=2))


@pytest.mark.usefixtures("in_table")
def test_counts_cost_one_statement(django_assert_num_queries: Any) -> None:
    increment_counters([("caller", 3600), ("address", 60)])
    with django_assert_num_queries(1):
        counters = [("stranger", 60), ("caller", 3600), ("address", 60)]
        assert increment_counters(counters) == [1, 2, 2]


@pytest.mark.only_on("postgres")
@pytest.mark.usefixtures("in_table")
def test_no_count_waits_for_the_disk_also_in_a_table_of_an_earlier_release() -> None:
    def is_logged() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT relpersistence = 'p' FROM pg_class WHERE relname = %s", [TABLE])
            return bool(cursor.fetchone()[0])

    assert not is_logged()
    increment_counters([("caller", 3600)])
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TABLE} SET LOGGED")
    call_command("createcachetable", verbosity=0)
    assert not is_logged()
    assert increment_counters([("caller", 3600)]) == [2]


@pytest.mark.usefixtures("in_table", "clock")
def test_control_rest_framework_s_own_throttle_lets_more_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Show the fault that CountingThrottle mends: four calls at once pass a limit of two."""
    wait = Barrier(4, timeout=120).wait

    class Racing(SimpleRateThrottle):
        rate = "2/day"

        def get_cache_key(self, request: Any, view: Any) -> str:
            return "caller"

        def throttle_success(self) -> bool:
            wait()
            return super().throttle_success()

    outcomes = run_together(4, lambda _: Racing().allow_request(None, None))
    assert outcomes == [True] * 4


# --- The counted caller ---------------------------------------------------------------------------


def keys_of(throttle: CountingThrottle, requests: Iterator[Any]) -> set[str | None]:
    return {throttle.get_cache_key(request, None) for request in requests}


def forged(count: int, **headers: str) -> Iterator[Any]:
    """Yield requests of one anonymous caller with a different X-Forwarded-For each."""
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.9")
    request.user = AnonymousUser()
    for n in range(count):
        reported = f"198.51.{n // 250 % 250}.{n % 250}, {n}" + headers.get("behind", "")
        request.META["HTTP_X_FORWARDED_FOR"] = reported
        request.__dict__.pop("headers", None)  # the request caches its headers
        yield request


@pytest.mark.parametrize(
    ("calls", "proxies", "behind", "who"),
    [
        (10_000, 0, "", "203.0.113.9"),
        (10_000, 1, ", 192.0.2.7", "192.0.2.7"),
        (100, 2, ", 192.0.2.7, 1", "192.0.2.7"),
    ],
)
def test_ten_thousand_forged_headers_count_as_one_caller(
    monkeypatch: pytest.MonkeyPatch, calls: int, proxies: int, behind: str, who: str
) -> None:
    monkeypatch.setattr(api_settings, "NUM_PROXIES", proxies, raising=False)
    keys = keys_of(AnonymousThrottle(), forged(calls, behind=behind))
    assert keys == {f"throttle_anon_{who}"}


def test_all_throttles_of_an_address_count_the_same_caller() -> None:
    for throttle in (LoginThrottle, RegistrationThrottle):
        assert len(keys_of(throttle(), forged(100))) == 1
    assert len(keys_of(MailThrottle(), forged(100))) == 1


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_an_address_of_ipv6_counts_as_its_network(address: str, who: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=address)
    assert throttling.counted_address(request) == who


def test_a_user_counts_as_one_caller_at_every_address() -> None:
    request = RequestFactory().get("/")
    request.user = User(pk=7)
    assert UserThrottle().get_cache_key(request, None) == "throttle_user_7"
