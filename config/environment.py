"""Read settings from environment variables; an empty one counts as unset (make passes those)."""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")
# A lost peer is noticed within 11 seconds. DATABASE_URL overrides these by `?name=value`.
LIBPQ = {
    "connect_timeout": 2,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
NO_EMAIL_URL = (
    "EMAIL_URL must read smtp+tls://user:password@host:587 or filemail:///path/to/folder, "
    "special characters of the password percent-encoded."
)
NO_DATABASE_URL = (
    "DATABASE_URL must read sqlite:///path/to/file or postgres://user:password@host:5432/name, "
    "special characters of the password percent-encoded."
)


def text(name: str, default: str = "") -> str:
    """Return the variable's value, or the default if it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def flag(name: str) -> bool:
    """Whether the variable is 1, true, yes or on."""
    return text(name).lower() in {"1", "true", "yes", "on"}


def names(name: str) -> list[str]:
    """Return the parts of the variable's comma-separated list, without empty ones."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


def number(name: str, default: int) -> int:
    """Return a whole number of zero or more; raises ImproperlyConfigured for anything else."""
    value = text(name, str(default))
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.")
    return int(value)


def web_address(name: str) -> str:
    """Return an http or https URL without its last slash, or ""; raises ImproperlyConfigured."""
    value = text(name).rstrip("/")
    if value and not value.startswith(("https://", "http://")):
        raise ImproperlyConfigured(f"{name} must begin with https:// or http://, not {value!r}.")
    return value


def required(name: str) -> str:
    """Return the variable's value; raises ImproperlyConfigured if it is unset or empty."""
    value = text(name)
    if not value:
        raise ImproperlyConfigured(f"ENVIRONMENT=production needs {name} to be set.")
    return value


def is_demo() -> bool:
    """Whether ENVIRONMENT is demo, which is the default."""
    return text("ENVIRONMENT", "demo") == "demo"


def restrict_new_files() -> None:
    """Keep other users from every file that this process creates; demos only.

    The umask covers what SQLite, the mail backend and the server create. Production leaves it to
    the operator: other users may have to read its collected static files.
    """
    if is_demo():
        os.umask(0o077)


def private_folder(folder: Path) -> None:
    """Create the folder for this user alone; take away the access of others to an older one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(PermissionError):  # another user owns it
        folder.chmod(0o700)


def secret_key(path: Path) -> str:
    """Return the SECRET_KEY of a demo from a private file, which the first call creates."""
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(64))
        try:
            os.link(draft, path)  # of two first runs at once one succeeds, and both read its key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()


def database(url: str, base: Path) -> dict[str, Any]:
    """Return the entry of DATABASES for the URL; `base`: the folder where a relative path starts.

    Raises ImproperlyConfigured for a malformed URL.
    """
    engine = environ.Env.DB_SCHEMES.get(url.partition(":")[0])
    try:
        config: dict[str, Any] = environ.Env.db_url_config(url) if engine in ENGINES else {}
    except ValueError:
        config = {}
    if not config:  # the message does not quote the URL, which may hold a password
        raise ImproperlyConfigured(NO_DATABASE_URL)
    if config["ENGINE"] == "django.db.backends.sqlite3":
        return sqlite(base / config["NAME"] if config["NAME"] != ":memory:" else ":memory:")
    config.update(
        ENGINE="extensions.db.backends.postgresql", CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True
    )
    # In transaction mode PgBouncer would look for a server-side cursor on another connection.
    config["DISABLE_SERVER_SIDE_CURSORS"] = flag("PGBOUNCER")
    config["OPTIONS"] = LIBPQ | config.get("OPTIONS", {})
    return config


def mail(url: str, base: Path) -> dict[str, Any]:
    """Return Django's EMAIL_* settings for the mail server or folder at the URL.

    `base`: the folder at which a relative path starts. Raises ImproperlyConfigured for a malformed
    URL.
    """
    try:
        config: dict[str, Any] = environ.Env.email_url_config(url)
    except (ImproperlyConfigured, ValueError):
        config = {}
    if not config or (url.startswith("smtp") and not config["EMAIL_HOST"]):
        raise ImproperlyConfigured(NO_EMAIL_URL)
    return {**config, "EMAIL_FILE_PATH": base / config["EMAIL_FILE_PATH"]}


def counting_cache(url: str) -> dict[str, Any]:
    """Return the entry of CACHES for the rate limits: by default a table, which counts exactly."""
    config: dict[str, Any] = environ.Env.cache_url_config(url or "dbcache://limits_cache")
    if config["BACKEND"] == "django.core.cache.backends.db.DatabaseCache":
        config["BACKEND"] = "extensions.db.cache.DatabaseCache"
        config.setdefault("OPTIONS", {}).setdefault("MAX_ENTRIES", 100_000)
    return config


def sqlite(name: Path | str, synchronous: str = "FULL") -> dict[str, Any]:
    """Return the entry of DATABASES for SQLite; every transaction takes the write lock first."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name,
        "CONN_MAX_AGE": 60,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous};",
        },
    }


def limits_file(database: dict[str, Any], url: str, var: Path) -> Path:
    """Return the SQLite file of a demo's rate limits: one for each database that it may serve."""
    if isinstance(database["NAME"], Path):
        return database["NAME"].with_suffix(".limits.sqlite3")
    return var / f"limits-{hashlib.sha256(url.encode()).hexdigest()[:12]}.sqlite3"
