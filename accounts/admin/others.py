"""The admins of groups (Django) and logins (django-axes), registered again on BaseAdmin."""

from typing import Any

from axes import admin as axes
from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.privacy import AllSitesAdminMixin
from extensions.admin.base import BaseAdmin


class SuperusersWriteMixin:
    """An admin of rows that only superusers add, change and delete; others may view them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser) and super().has_add_permission(request)  # type: ignore[misc]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser) and super().has_change_permission(request, obj)  # type: ignore[misc]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser) and super().has_delete_permission(request, obj)  # type: ignore[misc]


class GroupAdmin(SuperusersWriteMixin, auth.GroupAdmin):
    """Django's admin of groups, without a query for each permission that a read-only page lists.

    A user who may change a group can give its members any permission: only superusers may.
    """

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the groups with the content types that the name of a permission shows."""
        return super().get_queryset(request).prefetch_related("permissions__content_type")


class AccessAttemptAdmin(SuperusersWriteMixin, axes.AccessAttemptAdmin):
    """Wrong passwords. To delete them lifts a lock-out, so that guessing may go on."""

    actions = ()  # axes' own action deletes rows, and any viewer could call it


class AccessLogAdmin(SuperusersWriteMixin, axes.AccessLogAdmin):
    """Logins and logouts of the admin."""


class AccessFailureLogAdmin(SuperusersWriteMixin, axes.AccessFailureLogAdmin):
    """Failed logins."""


ADMINS = {
    Group: GroupAdmin,
    axes.AccessAttempt: AccessAttemptAdmin,
    axes.AccessLog: AccessLogAdmin,
    axes.AccessFailureLog: AccessFailureLogAdmin,
}

for model, model_admin in ADMINS.items():
    admin.site.unregister(model)
    admin.site.register(
        model, type(model_admin.__name__, (AllSitesAdminMixin, BaseAdmin, model_admin), {})
    )
