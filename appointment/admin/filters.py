"""What a receptionist asks a list of appointments for."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone


class WhenFilter(admin.SimpleListFilter):
    """Today's, what is to come, and what has begun and nobody has concluded."""

    title = "when"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("today", "Today, at the location"),
            ("upcoming", "Scheduled, to come"),
            ("unconcluded", "Scheduled, begun: to conclude"),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        now = timezone.now()
        if self.value() == "today":
            return queryset.today(now)
        if self.value() == "upcoming":
            return queryset.upcoming(now)
        if self.value() == "unconcluded":
            return queryset.active().filter(starts_at__lte=now)
        return queryset
