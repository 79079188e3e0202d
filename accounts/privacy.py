"""Accounts are shown only to users with the permission `accounts.view_user`.

Staff who are restricted to their sites see none: an account belongs to no site.
"""

from typing import Any

from django.http import HttpRequest


class HiddenAccountsMixin:
    """An admin that leaves out its account fields for users who may not view accounts."""

    account_fields = ("user",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields that this user may see."""
        fields = super().get_fields(request, obj)  # type: ignore[misc]
        if may_view_accounts(request):
            return fields
        return [field for field in fields if field not in self.account_fields]

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Return the search fields, without those of accounts if the user may not view accounts."""
        fields = super().get_search_fields(request)  # type: ignore[misc]
        if may_view_accounts(request):
            return fields
        prefixes = tuple(f"{field}__" for field in self.account_fields)
        return [field for field in fields if not field.startswith(prefixes)]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Whether the URL may filter by `lookup`; an account only for those who may view it."""
        named = lookup.split("__", maxsplit=1)[0].removesuffix("_id")
        if named in self.account_fields and not may_view_accounts(request):
            return False
        allowed: bool = super().lookup_allowed(lookup, value, request)  # type: ignore[misc]
        return allowed


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


def display_name(user: Any) -> str:
    """Return the user's name, or "account <key>" if it is empty, or "" for None.

    It is never the e-mail address, which only users who may view accounts see.
    """
    if user is None:
        return ""
    return f"{user.first_name} {user.last_name}".strip() or f"account {user.pk}"
