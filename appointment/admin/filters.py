"""Filters of the admin list of appointments."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone


class AppointmentPeriodFilter(admin.SimpleListFilter):
    """Show today's, upcoming, or unconcluded appointments."""

    title = "when"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("today", "Today, at the location"),
            ("upcoming", "Scheduled, not begun"),
            ("unconcluded", "Scheduled, begun, not yet concluded"),
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
