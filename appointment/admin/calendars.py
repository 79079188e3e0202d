"""The admin of calendar feeds: it lists and revokes them, and shows no address."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.users import may_manage
from accounts.privacy import AllSitesAdminMixin, NamedAccountsMixin
from appointment.models import CalendarFeed
from extensions.admin.actions import DomainActionAdmin


@admin.register(CalendarFeed)
class CalendarFeedAdmin(AllSitesAdminMixin, NamedAccountsMixin, DomainActionAdmin):
    """Whose calendar programs read visits, and since when. Deleting a feed ends its address."""

    list_display = ("user", "kind", "created_at")
    list_filter = ("kind", "created_at")
    date_hierarchy = "created_at"
    search_fields = ("user__email", "user__first_name", "user__last_name")
    fields = readonly_fields = ("user", "kind", "created_at")
    ordering = ("-created_at", "-pk")
    sortable_by = ("created_at",)
    deleted_by_verb = True
    deletion_note: Any = _("Calendars that read it stop showing new visits at once.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CalendarFeed]:
        """Return the feeds with their accounts, and the doctors of those."""
        return super().get_queryset(request).select_related("user__doctor")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let only superusers revoke the feeds of staff and doctors."""
        return may_manage(request, obj and obj.user) and super().has_delete_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: CalendarFeed) -> None:
        obj.revoke()

    def row_label(self, row: Any) -> str:
        """Name a feed by its owner."""
        return gettext("Calendar feed of %(owner)s") % {"owner": row.user}
