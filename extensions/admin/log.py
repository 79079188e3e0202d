"""The admin's log (django_admin_log) without names of people: it outlives their rows."""

import json
import re
from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext, override

VALUE = re.compile(r"\d[\d-]*")  # of the only value that a message has: a key, or a date


def shown_message(stored: str) -> str:
    """Return a message of the log, which is in English, in the language of the reader."""
    if found := VALUE.search(stored):
        text = stored.replace(found[0], "%(value)s", 1)
        if (shown := gettext(text)) != text:
            return shown % {"value": found[0]}
    return gettext(stored) if stored else ""


class PrivateLogEntryMixin(admin.ModelAdmin):
    """A ModelAdmin that chooses how the log names a row, where Django writes `str(row)`."""

    def name_in_log(self, row: Any) -> str:
        """Return the row's name in the log; override it where `str(row)` names a person."""
        return str(row)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        return self._log_entries(request, [obj], ADDITION, message)[0]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        return self._log_entries(request, [obj], CHANGE, message)[0]

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> list[LogEntry]:
        return self._log_entries(request, queryset, DELETION, "")

    def _log_entries(
        self, request: HttpRequest, rows: Iterable[Any], flag: int, message: Any
    ) -> list[LogEntry]:
        """Write an entry for each row in one statement, as `LogEntry.objects.log_actions` does.

        Always in English: the page of a history translates what it shows.
        """
        content_type = get_content_type_for_model(self.model)
        with override("en"):
            text = str(message) if isinstance(message, (str, Promise)) else json.dumps(message)
            named = [(row.pk, self.name_in_log(row)[:200]) for row in rows]
        entries = [
            LogEntry(
                user_id=cast(int, request.user.pk),
                content_type=content_type,
                object_id=key,
                object_repr=name,
                action_flag=flag,
                change_message=text,
            )
            for key, name in named
        ]
        return LogEntry.objects.bulk_create(entries)
