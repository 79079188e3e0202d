"""The admin of API tokens: it lists and revokes them, and shows no secret."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from knox import admin as knox  # registers an admin that shows new tokens
from knox.models import AuthToken

from accounts.admin.users import may_manage
from accounts.privacy import AllSitesAdminMixin, NamedAccountsMixin
from extensions.admin.actions import DomainActionAdmin

admin.site.unregister(knox.models.AuthToken)


@admin.register(AuthToken)
class AuthTokenAdmin(AllSitesAdminMixin, NamedAccountsMixin, DomainActionAdmin):
    """Whose devices are signed in, and until when. Deleting a token signs its device out."""

    list_display = ("user", "created", "expiry")
    list_filter = ("created", "expiry")
    date_hierarchy = "created"
    search_fields = ("user__email", "user__first_name", "user__last_name")
    fields = readonly_fields = ("user", "created", "expiry")
    unindexed_filters = ("expiry__gte", "expiry__lt")
    ordering = ("-created", "pk")
    sortable_by = ("created",)
    deletion_note = _("The device is signed out at once.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuthToken]:
        """Return the tokens with their accounts, and the doctors of those."""
        return super().get_queryset(request).select_related("user__doctor")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let only superusers sign out staff and doctors."""
        return may_manage(request, obj and obj.user) and super().has_delete_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def row_label(self, row: Any) -> str:
        """Name a token by its owner: its primary key is its digest, which no page shows."""
        return gettext("Device of %(account)s") % {"account": row.user}

    def name_in_log(self, row: Any) -> str:
        return f"token of account {row.user_id}"

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        # `obj_display` holds the token's digest, and the message on the page would show it.
        return super().response_delete(request, gettext("of the account"), obj_id)
