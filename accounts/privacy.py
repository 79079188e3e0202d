"""Accounts are shown only to users with the permission `accounts.view_user`."""

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


def may_view_accounts(request: HttpRequest) -> bool:
    """Whether the user holds the permission to view accounts."""
    return request.user.has_perm("accounts.view_user")


def display_name(user: Any) -> str:
    """Return the user's name, or "account <key>" if it is empty, or "" for None.

    It is never the e-mail address, which only users who may view accounts see.
    """
    if user is None:
        return ""
    return f"{user.first_name} {user.last_name}".strip() or f"account {user.pk}"
