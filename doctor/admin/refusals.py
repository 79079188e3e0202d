"""Messages for refused changes of the calendar, with links to the rows that prevent them."""

from collections.abc import Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext

from accounts.audit.context import current_context
from doctor.models import Slot, WeeklyHours
from extensions.admin.actions import DomainActionAdmin
from extensions.admin.links import change_link
from extensions.exceptions import DomainError

MOST_LINKS = 10


class LinkedRefusalAdmin(DomainActionAdmin):
    """An admin whose errors link to the appointments or weekly hours that prevent a change."""

    def error_message(self, error: DomainError) -> str:
        """Return the message of the error, with links to the first rows that prevent the change."""
        user = current_context().user
        if pks := error.extra.get("appointments", []):
            return self._with_links(error, _appointments(pks[:MOST_LINKS], user), len(pks))
        if pks := error.extra.get("weekly_hours", []):
            hours = WeeklyHours.objects.at_sites_of(user).select_related("doctor", "location")
            rows = list(hours.filter(pk__in=pks[:MOST_LINKS]).order_by("pk"))
            return self._with_links(error, rows, len(pks))
        return super().error_message(error)

    def _with_links(self, error: DomainError, rows: Sequence[Any], count: int) -> str:
        if not rows:
            return error.staff_message  # they are at sites that the user does not see
        links = format_html_join("; ", "{}", ((change_link(row),) for row in rows))
        text = gettext("In the way: {links}.")
        if count > MOST_LINKS:
            text = gettext("In the way: {links} and {count} more.")
        rows_in_the_way = format_html(text, links=links, count=count - MOST_LINKS)
        return format_html("{} {}", error.staff_message, rows_in_the_way)


def _appointments(pks: list[int], user: Any) -> list[Any]:
    """Load these appointments through their slots: this app must not import `appointment`."""
    slots = Slot.objects.at_sites_of(user).filter(appointments__in=pks).distinct()
    visits = (
        visit
        for slot in slots.prefetch_related("appointments__location")
        for visit in slot.appointments.all()
        if visit.pk in pks
    )
    return sorted(visits, key=lambda visit: visit.pk)
