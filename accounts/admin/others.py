"""The admins of groups (Django) and logins (django-axes), registered again on BaseAdmin.

And the names under which staff see the models of other packages.
"""

from typing import Any

from axes import admin as axes
from axes.admin import IsLockedOutFilter
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from knox.models import AuthToken

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

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what the page of deletion lists: the groups, and no row that joins them."""
        rows = list(objs)
        group = gettext("Group")
        _lines, counts, lacking, protected = super().get_deleted_objects(rows, request)
        return [f"{group}: {row}" for row in rows], counts, lacking, protected


class AccessAttemptAdmin(SuperusersWriteMixin, axes.AccessAttemptAdmin):
    """Wrong passwords. To delete them lifts a lock-out, so that guessing may go on."""

    list_display = ("attempt_time", "username", "ip_address", "failures_since_start")
    list_filter = ("attempt_time", IsLockedOutFilter)
    unindexed_filters = ("locked_out",)
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time", "-pk")
    sortable_by = ("attempt_time",)
    actions = ()  # axes' own action deletes rows, and any viewer could call it


class AccessLogAdmin(SuperusersWriteMixin, axes.AccessLogAdmin):
    """Logins and logouts of the admin."""

    list_display = ("attempt_time", "logout_time", "username", "ip_address")
    list_filter = ("attempt_time",)
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time", "-pk")
    sortable_by = ("attempt_time",)


class AccessFailureLogAdmin(SuperusersWriteMixin, axes.AccessFailureLogAdmin):
    """Failed logins."""

    list_display = ("attempt_time", "username", "ip_address", "locked_out")
    list_filter = ("attempt_time", "locked_out")
    unindexed_filters = ("locked_out__exact",)
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time", "-pk")
    sortable_by = ("attempt_time",)


ADMINS = {
    Group: GroupAdmin,
    axes.AccessAttempt: AccessAttemptAdmin,
    axes.AccessLog: AccessLogAdmin,
    axes.AccessFailureLog: AccessFailureLogAdmin,
}

# What staff read instead of the packages' own names. Django's migrations read the names that the
# class was made with, so that these make none.
APPS = {
    "auth": _("Groups"),
    "axes": _("Sign-ins"),
    "knox": _("Signed-in devices"),
    "otp_static": _("Second factor: recovery codes"),
    "otp_totp": _("Second factor: apps"),
}
MODELS = {
    axes.AccessAttempt: (_("wrong password"), _("wrong passwords")),
    axes.AccessLog: (_("sign-in"), _("sign-ins")),
    axes.AccessFailureLog: (_("failed sign-in"), _("failed sign-ins")),
    AuthToken: (_("signed-in device"), _("signed-in devices")),
    StaticDevice: (_("set of recovery codes"), _("sets of recovery codes")),
    StaticToken: (_("recovery code"), _("recovery codes")),
    TOTPDevice: (_("authenticator app"), _("authenticator apps")),
}
FIELDS = {
    "user": _("user"),
    "name": _("name"),
    "confirmed": _("confirmed"),
    "created": _("created"),
    "created_at": _("created at"),
    "last_used_at": _("last used at"),
    "expiry": _("expiry"),
}

HELP_TEXTS = {  # of django-otp, which has them in English only
    "user": _("The user that this device belongs to."),
    "name": _("The human-readable name of this device."),
    "confirmed": _("Is this device ready for use?"),
    "created_at": _("The date and time when this device was initially created in the system."),
    "last_used_at": _("The most recent date and time this device was used."),
}

for label, words in APPS.items():
    apps.get_app_config(label).verbose_name = words

for named, (one, many) in MODELS.items():
    named._meta.verbose_name, named._meta.verbose_name_plural = one, many

for named in (AuthToken, StaticDevice, TOTPDevice):
    for field in named._meta.fields:
        field.verbose_name = FIELDS.get(field.name, field.verbose_name)
        if field.help_text:
            field.help_text = HELP_TEXTS.get(field.name, field.help_text)

for model, model_admin in ADMINS.items():
    admin.site.unregister(model)
    admin.site.register(
        model, type(model_admin.__name__, (AllSitesAdminMixin, BaseAdmin, model_admin), {})
    )
