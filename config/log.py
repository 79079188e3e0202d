"""What is logged, and what of a record reaches the log."""

import logging

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"client_faults": {"()": "config.log.WithoutTracebackOfClientFaults"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
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
CLIENT_LOGGERS = ("django.security", "django.request")


class WithoutTracebackOfClientFaults(logging.Filter):
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
