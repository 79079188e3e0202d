"""Refusals of the calendar, with links to what is in the way."""

from typing import Any

from django.utils.html import format_html, format_html_join

from doctor.models import Slot, WeeklyHours
from extensions.admin.actions import DomainActionAdmin
from extensions.admin.links import change_link
from extensions.exceptions import DomainError

NAMED = 10


class NamesObstacles(DomainActionAdmin):
    """An admin whose refusals name the appointments, or the hours, in the way."""

    def error_message(self, error: DomainError) -> str:
        """With links to the first of those in the way, if there are any."""
        visits: Any = Slot._meta.get_field("appointments").related_model
        kinds: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
            (visits, "appointments", ("location",)),
            (WeeklyHours, "weekly_hours", ("doctor", "location")),
        )
        for model, member, related in kinds:
            if pks := error.extra.get(member, []):
                found = model.objects.filter(pk__in=pks[:NAMED]).select_related(*related)
                rows = ((change_link(row),) for row in found.order_by("pk"))
                links = format_html_join("; ", "{}", rows)
                more = f" and {len(pks) - NAMED} more" if len(pks) > NAMED else ""
                return format_html("{} In the way: {}{}.", error.message, links, more)
        return super().error_message(error)
