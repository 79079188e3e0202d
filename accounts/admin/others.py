"""The admins of groups (Django) and failed logins (django-axes), registered again on BaseAdmin."""

from typing import Any

from axes import admin as axes
from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.privacy import AllSitesAdminMixin
from extensions.admin.base import BaseAdmin


class GroupAdmin(auth.GroupAdmin):
    """Django's admin of groups, without a query for each permission that a read-only page lists."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the groups with the content types that the name of a permission shows."""
        return super().get_queryset(request).prefetch_related("permissions__content_type")


ADMINS = {
    Group: GroupAdmin,
    axes.AccessAttempt: axes.AccessAttemptAdmin,
    axes.AccessLog: axes.AccessLogAdmin,
    axes.AccessFailureLog: axes.AccessFailureLogAdmin,
}

for model, model_admin in ADMINS.items():
    admin.site.unregister(model)
    admin.site.register(
        model, type(model_admin.__name__, (AllSitesAdminMixin, BaseAdmin, model_admin), {})
    )
