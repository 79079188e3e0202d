"""The admin's own log, in which nobody is named: it outlives the people it speaks of."""

import json
from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.http import HttpRequest


class PrivateLogEntryMixin(admin.ModelAdmin):
    """An admin that says what its log calls a row; Django's takes whatever the row is shown as."""

    def name_in_log(self, row: Any) -> str:
        """How the log names the row: by its number where the row is a person."""
        return str(row)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        return self._logged(request, [obj], ADDITION, message)[0]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        return self._logged(request, [obj], CHANGE, message)[0]

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> list[LogEntry]:
        return self._logged(request, queryset, DELETION, "")

    def _logged(
        self, request: HttpRequest, rows: Iterable[Any], flag: int, message: Any
    ) -> list[LogEntry]:
        """Write an entry for each row in one statement, as `LogEntry.objects.log_actions` does."""
        kind = get_content_type_for_model(self.model)
        said = message if isinstance(message, str) else json.dumps(message)
        entries = [
            LogEntry(
                user_id=cast(int, request.user.pk),
                content_type=kind,
                object_id=row.pk,
                object_repr=self.name_in_log(row)[:200],
                action_flag=flag,
                change_message=said,
            )
            for row in rows
        ]
        return LogEntry.objects.bulk_create(entries)
