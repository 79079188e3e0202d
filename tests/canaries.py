"""Canaries: unmistakable values of personal fields, and a `Hunter` that finds where they leak."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote_plus

from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.db import connection

from config.log import LOGGING, ClientErrorFilter, PrivateFormatter

PASSWORD, NEW_PASSWORD = "kanari-password-7391", "kanari-password-8402"
EMAIL = "kanari.mail@example.com"
PERSON = {
    "first_name": "KanariFirst",
    "last_name": "KanariLast",
    "date_of_birth": "1931-07-23",
    "phone_number": "+34699000111",
    "address": "Kanari Street 17",
    "emergency_contact_name": "KanariContact",
    "emergency_contact_phone": "+34699000222",
}
ENTRY = {
    "kind": "allergy",
    "status": "active",
    "description": "KanariAllergy",
    "notes": "KanariNotes",
}
REASON, WHY = "KanariReason", "KanariWhy"
# The pattern matches anywhere and in any case, so that no cutting, quoting or folding hides one.
CANARY = re.compile(r"kanari\w*|1931-07-23|699\W?000\W?(?:111|222)", re.IGNORECASE)
OURS = ("accounts", "doctor", "patient", "appointment", "config")


class Hunter(logging.Handler):
    """A log handler that collects log lines, URLs and refusals, and searches them for canaries.

    `secrets` are tokens, keys and codes that a test adds to the words that it looks for.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        line = LOGGING["formatters"]["line"]["format"]  # type: ignore[index]
        self.setFormatter(PrivateFormatter(line, style="{"))
        self.addFilter(ClientErrorFilter())
        self.lines: list[str] = []
        self.secrets: list[str] = []
        self.urls: list[str] = []
        self.refusals: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        record.exc_text = None  # drops the text that an earlier formatter cached
        self.lines.append(self.format(record))

    @contextmanager
    def listening(self) -> Iterator["Hunter"]:
        """Collect the log of the block: our loggers from DEBUG on, others at their own level."""
        names = ("", "django", *OURS)
        loggers = [logging.getLogger(name) for name in names]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.addHandler(self)
            if logger.name in OURS:
                logger.setLevel(logging.DEBUG)
        try:
            yield self
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.removeHandler(self)
                logger.setLevel(level)

    def seen(self, answer: Any) -> Any:
        """Collect the URLs in a response, and the body of a problem. Return the response."""
        for response in (answer, *(step for step in getattr(answer, "redirect_chain", ()))):
            location = response[0] if isinstance(response, tuple) else response.get("Location", "")
            self.urls.append(unquote_plus(location))
        body = answer.content.decode() if not answer.streaming else ""
        if answer.get("Content-Type", "").startswith("application/problem"):
            self.refusals.append(body)
        elif answer.get("Content-Type") == "application/json":
            links = re.findall(r'"(?:next|previous)": ?("[^"]*")', body)
            self.urls += [unquote_plus(json.loads(link)) for link in links]
        return answer

    def places(self) -> dict[str, list[str]]:
        """Map each place where no canary may be to the texts collected or stored there."""
        entries = LogEntry.objects.values_list("object_repr", "change_message")
        return {
            "log": self.lines,
            "addresses": self.urls,
            "refusals": self.refusals,
            "admin's log": [" ".join(entry) for entry in entries],
            "sessions": [str(session.get_decoded()) for session in Session.objects.all()],
            "cache": [f"{key} {cache.get(key[3:])}" for key in getattr(cache, "_cache", ())],
            "subjects": [message.subject for message in mail.outbox],
            "refused logins": [
                f"{tried.get_data} {tried.post_data} {tried.path_info}"
                for tried in AccessAttempt.objects.all()
            ],
            "idempotency keys": _column("appointment_idempotencykey", "key"),
        }

    def found(self) -> list[tuple[str, str]]:
        """Return (place, word) for every canary and secret in a place where none may be."""
        return [
            (place, caught)
            for place, texts in self.places().items()
            for text in texts
            for caught in (*CANARY.findall(text), *(s for s in self.secrets if s and s in text))
        ]


def _column(table: str, column: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM "{table}"')
        return [str(row[0]) for row in cursor.fetchall()]
