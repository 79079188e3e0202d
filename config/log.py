"""Logging without personal data: the settings, a formatter and filters."""

import logging
import re
import traceback
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "client_faults": {"()": "config.log.ClientErrorFilter"},
        "secret_paths": {"()": "config.log.SecretPathFilter"},
    },
    "formatters": {
        "line": {
            "()": "config.log.PrivateFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["client_faults", "secret_paths"],
        },
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "axes": {"level": "ERROR"},
    },
}
# Errors whose messages are about the code and not about what a user typed.
ERRORS_OF_CODE = (
    AttributeError,
    ImportError,
    ImproperlyConfigured,
    NameError,
    NotImplementedError,
    TypeError,
)
CLIENT_LOGGERS = ("django.security", "django.request")


class ClientErrorFilter(logging.Filter):
    """Remove the traceback of a client's error, and keep the message.

    Anybody can send a forged Host header: a traceback for each would hide the server's own errors.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if self._is_client_error(record):
            record.exc_info = record.exc_text = record.stack_info = None
        return True

    def _is_client_error(self, record: logging.LogRecord) -> bool:
        is_client_logger = any(f"{record.name}.".startswith(f"{name}.") for name in CLIENT_LOGGERS)
        return is_client_logger and getattr(record, "status_code", 500) < 500


class PrivateFormatter(logging.Formatter):
    """Format the traceback and the type of an error; its message only for ERRORS_OF_CODE.

    A database quotes the row that it refuses, and a parser the value: these are patients' data. Of
    a PostgreSQL error the formatter names the table, column and constraint.
    """

    def formatException(self, ei: Any) -> str:  # noqa: N802  (the name is logging's)
        return "".join(_format_error(ei[1])).rstrip() if ei[1] else ""


def _format_error(error: BaseException) -> Iterator[str]:
    """Yield the error's text after that of its causes, as Python does, but with `_message`."""
    context = None if error.__suppress_context__ else error.__context__
    earlier = error.__cause__ or context
    if earlier:
        yield from _format_error(earlier)
        yield "\nThat led to:\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}: {_message(error)}\n"


def _message(error: BaseException) -> str:
    """Return the message of ERRORS_OF_CODE; for others only PostgreSQL's code and names, if any."""
    if isinstance(error, ERRORS_OF_CODE):
        return str(error)
    diagnosis = getattr(error, "diag", None)  # of PostgreSQL
    names = ("sqlstate", "table_name", "column_name", "constraint_name")
    named = [str(getattr(diagnosis, name)) for name in names if getattr(diagnosis, name, None)]
    return " ".join(named) or "(its words are left out)"


class SecretPathFilter(logging.Filter):
    """Mask the secret in each path of a calendar feed in a message."""

    path = re.compile(r"(/calendar-feeds/)(?!\d+(?:/|\s|$))[^/\s?\"']+")

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        masked = self.path.sub(r"\1***", message)
        if masked != message:
            record.msg, record.args = masked, ()
        return True


class RequestTextFilter(logging.Filter):
    """Remove what gunicorn quotes of requests: bytes it cannot parse, queries, error messages.

    They may hold a token or the name of a patient.
    """

    quoting = re.compile(r"(Invalid request from ip=\S+) .*", re.DOTALL)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self.quoting.sub(r"\1 (its words are left out)", str(record.msg))
        if isinstance(record.args, tuple):
            record.args = tuple(_without_query(value) for value in record.args)
        if record.exc_info:
            record.exc_text = PrivateFormatter().formatException(record.exc_info)
        return True


def _without_query(value: object) -> object:
    return value.partition("?")[0] if isinstance(value, str) else value
