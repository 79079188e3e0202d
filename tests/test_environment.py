"""Settings from the environment, and the values that config derives from them."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from config import environment
from config.log import ClientErrorFilter
from config.routers import LimitsRouter

CACHE_MODEL = SimpleNamespace(_meta=SimpleNamespace(app_label="django_cache"))

# --- DATABASE_URL ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "//user:s3cret@host/clinic",
        "mysql://user:s3cret@host/clinic",
        "postgres://user:s3cret@host:port/clinic",
        "postgres://user:s3cret/1@host/clinic",
    ],
)
def test_an_invalid_database_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must read") as refusal:
        environment.database(url, Path("/base"))
    assert "s3cret" not in str(refusal.value)


def test_a_relative_sqlite_file_lies_in_the_project() -> None:
    assert environment.database("sqlite:///var/x.db", Path("/base"))["NAME"] == Path(
        "/base/var/x.db"
    )


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_postgres_url_names_its_server(scheme: str) -> None:
    config = environment.database(f"{scheme}://user:p%40ss@host:5433/clinic", Path("/base"))
    assert (config["HOST"], config["PORT"], config["PASSWORD"]) == ("host", 5433, "p@ss")


@pytest.mark.parametrize(
    ("url", "primary"),
    [
        ("nonsense", "postgres://host/clinic"),
        ("sqlite:///x", "postgres://host/clinic"),
        ("postgres://user:s3cret@host/clinic", "sqlite:///x"),
    ],
)
def test_a_standby_is_one_of_postgresql(url: str, primary: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_REPLICA_URL must read") as refusal:
        environment.replica(url, primary, Path("/base"))
    assert "s3cret" not in str(refusal.value)


def test_a_standby_has_the_limits_of_its_primary() -> None:
    primary = "postgres://host/clinic"
    standby = environment.replica("postgres://other/clinic", primary, Path("/base"))
    assert standby == {**environment.database(primary, Path("/base")), "HOST": "other"}


# --- CACHE_URL ------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "dbcache://elsewhere"])
def test_a_cache_in_a_table_loses_no_count(url: str) -> None:
    assert environment.counting_cache(url)["BACKEND"] == "extensions.db.cache.DatabaseCache"


# --- LINK_URL -------------------------------------------------------------------------------------


def test_the_url_of_the_clients_pages_is_http_or_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINK_URL", "https://clinic.example/app/")
    assert environment.web_address("LINK_URL") == "https://clinic.example/app"
    s3cret = "https://user:s3cret@clinic.example"
    for url in ("clinic.example?s3cret", "https://", "https://[::1/", "http://a:s3cret/", s3cret):
        monkeypatch.setenv("LINK_URL", url)
        with pytest.raises(ImproperlyConfigured, match="LINK_URL must begin with https://") as no:
            environment.web_address("LINK_URL")
        assert "s3cret" not in str(no.value)
    monkeypatch.delenv("LINK_URL")
    assert environment.web_address("LINK_URL") == ""


# --- EMAIL_URL ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["nonsense", "pop://user:s3cret@host", "smtp://", "smtp://user:s3cret@host:port"]
)
def test_a_useless_email_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL must read") as refusal:
        environment.mail(url, Path("/base"))
    assert "s3cret" not in str(refusal.value)


def test_an_email_url_names_a_server_or_a_folder() -> None:
    server = environment.mail("smtp+tls://user:p%40ss@host:587", Path("/base"))
    named = ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS")
    assert [server[name] for name in named] == ["host", 587, "p@ss", True]
    for url, folder in (("filemail:///var/mail", "/base/var/mail"), ("filemail:////m", "/m")):
        assert environment.mail(url, Path("/base"))["EMAIL_FILE_PATH"] == Path(folder)


@pytest.mark.parametrize("address", ["clinic", "Clinic, Ltd. <a@b.example>", "a@b, c@d", "a@b\nx"])
def test_a_sender_with_whom_every_mail_would_fail_is_refused(address: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DEFAULT_FROM_EMAIL must be one address"):
        environment.sender(address)
    for fine in ("a@b.example", '"Clinic, Ltd." <a@b.example>', "Clínica <info@clínica.example>"):
        assert environment.sender(fine) == fine


def test_sms_and_push_are_files_in_a_demo_and_off_in_production(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    demo = environment.channels(False, Path("/var"))
    assert demo["sms"] == demo["push"]
    assert demo["push"]["OPTIONS"] == {"folder": "/var/messages"}
    assert list(environment.channels(True, Path("/var"))) == ["email"]
    monkeypatch.setenv("SMS_URL", "https://sms.example/send/")
    monkeypatch.setenv("SMS_KEY", "s3cret")
    assert environment.channels(True, Path("/var"))["sms"]["OPTIONS"] == {
        "url": "https://sms.example/send/",  # a provider may redirect from an address without it
        "key": "s3cret",
    }


# --- The database of the limits -------------------------------------------------------------------


def test_the_cache_table_lives_in_the_limits_database_only() -> None:
    router = LimitsRouter()
    assert router.db_for_read(CACHE_MODEL) == router.db_for_write(CACHE_MODEL) == "limits"
    assert router.allow_migrate("limits", "django_cache") is True
    assert router.allow_migrate("default", "django_cache") is False


def test_no_app_has_a_table_in_the_limits_database() -> None:
    router = LimitsRouter()
    for model in apps.get_models():
        label = model._meta.app_label
        assert router.db_for_read(model) is router.db_for_write(model) is None
        assert router.allow_migrate("limits", label) is False
        assert router.allow_migrate("default", label) is None


# --- The log --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logger", "status_code", "kept"),
    [
        ("django.security.DisallowedHost", 400, False),
        ("django.security.csrf", 403, False),
        ("django.request", 404, False),
        ("django.request", 500, True),
        ("django.request", None, True),
        ("django.requests_of_others", 400, True),
        ("clinic", 400, True),
    ],
)
def test_a_client_error_is_logged_without_a_traceback(
    logger: str, status_code: int | None, kept: bool
) -> None:
    error = ValueError("wrong")
    record = logging.LogRecord(
        logger, logging.ERROR, __file__, 1, "no", None, (type(error), error, None)
    )
    record.stack_info = "stack"
    if status_code:
        record.status_code = status_code
    assert ClientErrorFilter().filter(record) is True
    assert (record.getMessage(), bool(record.exc_info), bool(record.stack_info)) == (
        "no",
        kept,
        kept,
    )
