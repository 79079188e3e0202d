"""What is logged, and what of a record reaches the log."""

import logging
import re
import traceback
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"client_faults": {"()": "config.log.ClientErrorFilter"}},
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
            "filters": ["client_faults"],
        },
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "axes": {"level": "ERROR"},
    },
}
# Errors whose words speak of the code and not of what somebody typed.
OF_CODE = (
    AttributeError,
    ImportError,
    ImproperlyConfigured,
    NameError,
    NotImplementedError,
    TypeError,
)
CLIENT_LOGGERS = ("django.security", "django.request")


class ClientErrorFilter(logging.Filter):
    """Takes the traceback off what a client did wrong; the sentence stays.

    Anybody can send a forged Host header: a page of traceback for each would hide our own faults.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if self._is_fault_of_client(record):
            record.exc_info = record.exc_text = record.stack_info = None
        return True

    def _is_fault_of_client(self, record: logging.LogRecord) -> bool:
        told_by = any(f"{record.name}.".startswith(f"{name}.") for name in CLIENT_LOGGERS)
        return told_by and getattr(record, "status_code", 500) < 500


class PrivateFormatter(logging.Formatter):
    """Tells where an error arose and of what kind; its words only where they speak of the code.

    A database quotes the row that it refuses, a parser the value: that is a patient's data. Of the
    database's errors the constraint or the column is named, which is what one looks for.
    """

    def formatException(self, ei: Any) -> str:  # noqa: N802  (the name is logging's)
        return "".join(_told(ei[1])).rstrip() if ei[1] else ""


def _told(error: BaseException) -> Iterator[str]:
    """The traceback of an error, after those that led to it: Python's own but for the words."""
    context = None if error.__suppress_context__ else error.__context__
    earlier = error.__cause__ or context
    if earlier:
        yield from _told(earlier)
        yield "\nThat led to:\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}: {_words(error)}\n"


def _words(error: BaseException) -> str:
    """What may be told of an error's own words."""
    if isinstance(error, OF_CODE):
        return str(error)
    diagnosis = getattr(error, "diag", None)  # of PostgreSQL
    names = ("sqlstate", "table_name", "column_name", "constraint_name")
    named = [str(getattr(diagnosis, name)) for name in names if getattr(diagnosis, name, None)]
    return " ".join(named) or "(its words are left out)"


class RequestTextFilter(logging.Filter):
    """Cuts off what gunicorn quotes of a request that it cannot read: a header may be a token."""

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
