"""Accounts are shown to users with the permission `accounts.view_user`; superusers link them.

Staff who are restricted to their sites see none: an account belongs to no site.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class HiddenAccountsMixin:
    """An admin that leaves out its account fields for users who may not view accounts.

    Only superusers write them and the other `linking_fields`: a link opens a medical history to
    an account, so staff with narrow rights could open any history to their own.
    """

    account_fields = ("user",)
    linking_fields: tuple[str, ...] = ("user",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields that this user may see."""
        fields = super().get_fields(request, obj)  # type: ignore[misc]
        if may_view_accounts(request):
            return fields
        return [field for field in fields if field not in self.account_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields that this user only reads. A form that sends one changes nothing."""
        fields = super().get_readonly_fields(request, obj)  # type: ignore[misc]
        return fields if request.user.is_superuser else (*fields, *self.linking_fields)

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Return the search fields, without those of accounts if the user may not view accounts."""
        fields = super().get_search_fields(request)  # type: ignore[misc]
        if may_view_accounts(request):
            return fields
        prefixes = tuple(f"{field}__" for field in self.account_fields)
        return [field for field in fields if not field.startswith(prefixes)]


class NamedAccountsMixin:
    """An admin of rows of accounts, which names an account by its address to few users.

    They are those who may view accounts; others see the name of the person, or the number.
    """

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user")  # type: ignore[misc]

    def get_list_display(self, request: HttpRequest) -> Any:
        return _by_name(request, super().get_list_display(request))  # type: ignore[misc]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return _by_name(request, super().get_fields(request, obj))  # type: ignore[misc]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return _by_name(request, super().get_readonly_fields(request, obj))  # type: ignore[misc]

    def get_search_fields(self, request: HttpRequest) -> Any:
        fields = super().get_search_fields(request)  # type: ignore[misc]
        return fields if may_view_accounts(request) else [f for f in fields if f != "user__email"]

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        row = super().get_object(request, object_id, from_field)  # type: ignore[misc]
        return row and _without_address(request, row)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)  # type: ignore[misc]
        for row in changelist.result_list:
            _without_address(request, row)
        return changelist

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        rows = [_without_address(request, row) for row in objs]
        return super().get_deleted_objects(rows, request)  # type: ignore[misc]

    @admin.display(description=_("user"), ordering="user__last_name_key")
    def owner(self, row: Any) -> str:
        """Return the name of the person, or the number of the account."""
        name: str = row.user.public_name
        return name


def _by_name(request: HttpRequest, fields: Any) -> Any:
    if may_view_accounts(request):
        return fields
    return tuple("owner" if name == "user" else name for name in fields)


def _without_address(request: HttpRequest, row: Any) -> Any:
    """Return the row with a label without the address; do not save its `user`."""
    if not may_view_accounts(request):
        row.user.email = row.user.public_name
    return row


def may_view_accounts(request: HttpRequest) -> bool:
    """Whether the user holds the permission to view accounts and sees all sites."""
    return request.user.has_perm("accounts.view_user") and sees_all_sites(request)


def sees_all_sites(request: HttpRequest) -> bool:
    """Whether the user of this page of the admin is not restricted to some sites."""
    user: Any = request.user
    return user.sites is None


def has_a_site(request: HttpRequest) -> bool:
    """Whether the user of this page of the admin sees any site at all."""
    user: Any = request.user
    return user.sites is None or bool(user.sites)


class AllSitesAdminMixin:
    """An admin of rows that belong to no site: staff who are restricted to their sites see none."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and sees_all_sites(request)  # type: ignore[misc]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request) and sees_all_sites(request)  # type: ignore[misc]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and sees_all_sites(request)  # type: ignore[misc]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and sees_all_sites(request)  # type: ignore[misc]


def display_name(key: int | None, that_day: str | None, user: Any) -> str:
    """Return the name of the account with this key; "account <key>" if it has none, "" for None.

    `that_day`: the name that an event keeps (`name_that_day`). An event that keeps none has the
    present name of `user`, who is None if the account is deleted. The name is never the e-mail
    address, which only users who may view accounts see.
    """
    if key is None:
        return ""
    present = user.full_name if user else ""
    known = present if that_day is None else that_day
    return known or gettext("account %(number)s") % {"number": key}
