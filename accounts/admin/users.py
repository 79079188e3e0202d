"""The admin of accounts."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AdminUserCreationForm,
    UserChangeForm,
)
from django.http import HttpRequest

from accounts.models import User
from accounts.privacy import AllSitesAdminMixin
from extensions.admin.actions import DomainActionAdmin
from extensions.admin.forms import PartialUpdateForm

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


class NewUserForm(AdminUserCreationForm):
    """The form that adds an account: address, name and password."""

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name")


class UserForm(PartialUpdateForm, UserChangeForm):
    """The form that changes an account, except the password, which has a page of its own."""

    class Meta:
        model = User
        fields = "__all__"


class NewPasswordForm(AdminPasswordChangeForm):
    """The form with which staff set or remove the password of a user."""

    def save(self, commit: bool = True) -> User:
        """Write the password, delete the user's API tokens and end their sessions."""
        user: User = super().save(commit=False)
        user.store_password()
        return user


@admin.register(User)
class UserAdmin(AllSitesAdminMixin, DomainActionAdmin, auth.UserAdmin):
    """Accounts. Only superusers grant staff rights and permissions, and change superusers."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = NewPasswordForm
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Name", {"fields": ("first_name", "last_name")}),
        ("Permissions", {"fields": ("is_active", *RIGHTS)}),
        ("Dates", {"fields": ("email_verified_at", "last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("email", "first_name", "last_name")}),
        ("Password", {"fields": ("usable_password", "password1", "password2")}),
    )
    readonly_fields = ("email_verified_at", "last_login", "date_joined")
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    date_hierarchy = "date_joined"
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)

    def name_in_log(self, row: User) -> str:
        return f"account {row.pk}"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_change(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_change(request, obj) and super().has_delete_permission(request, obj)


def _may_change(request: HttpRequest, user: User | None) -> bool:
    return request.user.is_superuser or user is None or not user.is_superuser
