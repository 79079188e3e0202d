"""Filters of the admin list of appointments."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

A_DAY = timedelta(days=1)  # between the dates of all time zones at one instant


class AppointmentPeriodFilter(admin.SimpleListFilter):
    """Show today's, upcoming, or unconcluded appointments."""

    title = _("when")
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("today", gettext("Today, at the location")),
            ("upcoming", gettext("Scheduled, not begun")),
            ("unconcluded", gettext("Scheduled, begun, not yet concluded")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        now = timezone.now()
        if self.value() == "today":
            near = queryset.filter(date__range=(now.date() - A_DAY, now.date() + A_DAY))
            return near.today(now)
        # The bounds of the date let the index of status and date serve.
        if self.value() == "upcoming":
            return queryset.upcoming(now).filter(date__gte=now.date() - A_DAY)
        if self.value() == "unconcluded":
            begun = queryset.active().filter(starts_at__lte=now)
            return begun.filter(date__lte=now.date() + A_DAY)
        return queryset
