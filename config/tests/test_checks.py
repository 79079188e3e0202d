"""What `check --deploy` says of production settings, and what production refuses."""

import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from config import environment
from tests.live import environ

ROOT = Path(__file__).resolve().parents[2]
SAFE = {
    "PRODUCTION": True,
    "THROTTLE": True,
    "ADMIN_SECOND_FACTOR": True,
    "CACHES": {"default": environment.counting_cache("")},
    "ALLOWED_HOSTS": ["clinic.example"],
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "EMAIL_HOST": "mail.example",
    "EMAIL_USE_TLS": True,
    "EMAIL_USE_SSL": False,
    "LINK_URL": "https://clinic.example",
    "NUM_PROXIES": 1,
    "TRUSTED_PROXIES": [ip_network("127.0.0.1")],
}


@pytest.fixture(autouse=True)
def on_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.checks.connection", SimpleNamespace(vendor="postgresql"))


def warnings(settings: Any, **changes: Any) -> list[str]:
    """Return the ids of this project's warnings for safe settings with these changes."""
    for name, value in {**SAFE, **changes}.items():
        setattr(settings, name, value)
    found = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
    return [message.id for message in found if str(message.id).startswith("config.")]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"EMAIL_USE_TLS": False, "EMAIL_USE_SSL": True},
        {"EMAIL_USE_TLS": False, "EMAIL_HOST": "127.0.0.1"},
        {"LINK_URL": ""},
        {"ALLOWED_HOSTS": [".clinic.example"]},
        {"TRUSTED_PROXIES": [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]},
    ],
)
def test_safe_settings_get_no_warning(settings: Any, changes: dict[str, Any]) -> None:
    assert warnings(settings, **changes) == []


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({"ALLOWED_HOSTS": ["clinic.example", "*"]}, "config.W004"),
        ({"THROTTLE": False}, "config.W001"),
        ({"ADMIN_SECOND_FACTOR": False}, "config.W002"),
        ({"CACHES": {"default": environment.counting_cache("locmemcache://")}}, "config.W003"),
        ({"ALLOWED_HOSTS": [".com"]}, "config.W004"),
        ({"EMAIL_USE_TLS": False}, "config.W006"),
        ({"LINK_URL": "http://clinic.example"}, "config.W007"),
        (
            {"MESSAGE_CHANNELS": {"sms": {"OPTIONS": {"url": "http://sms.example"}}}},
            "config.W012",
        ),
        ({"NUM_PROXIES": 0}, "config.W008"),
        ({"TRUSTED_PROXIES": [ip_network("0.0.0.0/0")]}, "config.W009"),
        (
            {"TRUSTED_PROXIES": [ip_network("0.0.0.0/1"), ip_network("128.0.0.0/1")]},
            "config.W009",
        ),
        ({"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}, "config.W010"),
    ],
)
def test_an_unsafe_setting_gets_its_warning(
    settings: Any, changes: dict[str, Any], warned: str
) -> None:
    assert warnings(settings, **changes) == [warned]


def test_sqlite_in_production_gets_a_warning(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.checks.connection", SimpleNamespace(vendor="sqlite"))
    assert warnings(settings) == ["config.W005"]


def test_a_load_test_of_a_demo_gets_no_warning_from_an_ordinary_check(settings: Any) -> None:
    settings.THROTTLE = False
    found = checks.run_checks(tags=[checks.Tags.security])
    assert [message.id for message in found if str(message.id).startswith("config.")] == []


@pytest.mark.parametrize(
    "key", ["x", "x" * 60, "abc" * 15, "django-insecure-" + "Ab3$" * 20, "0123456789" * 4]
)
def test_a_secret_key_that_can_be_guessed_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SECRET_KEY", key)
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is too easy to guess") as refusal:
        environment.strong_key("SECRET_KEY")
    assert len(key) == 1 or key not in str(refusal.value)


def test_production_refuses_to_start_with_debug_or_a_weak_secret_key() -> None:
    program = "import config.settings"
    for variables, refusal in (
        ({"DEBUG": "1", "SECRET_KEY": "Ab3$" * 20}, "refuses DEBUG"),
        ({"SECRET_KEY": "x"}, "SECRET_KEY is too easy to guess"),
    ):
        given = environ(ENVIRONMENT="production", **{"DEBUG": "", **variables})
        run = subprocess.run(
            [sys.executable, "-c", program], env=given, cwd=ROOT, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert run.returncode != 0
        assert refusal in run.stderr


@pytest.mark.parametrize(
    ("url", "port"),
    [("smtp://h", 25), ("smtp+tls://h", 587), ("smtp+ssl://h", 465), ("smtp://h:1", 1)],
)
def test_a_mail_server_without_a_port_gets_the_usual_one(url: str, port: int) -> None:
    assert environment.mail(url, Path("/base"))["EMAIL_PORT"] == port
