"""Accounts are for those who may see accounts."""

from typing import Any

from django.http import HttpRequest

from accounts.models import User


class HiddenAccountsMixin:
    """An admin whose account fields exist only for those who may view users."""

    account_fields = ("user",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The fields of the page, for this person."""
        fields = super().get_fields(request, obj)  # type: ignore[misc]
        if may_view_accounts(request):
            return fields
        return [field for field in fields if field not in self.account_fields]

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Without accounts, nobody finds out by searching whose an address is."""
        fields = super().get_search_fields(request)  # type: ignore[misc]
        if may_view_accounts(request):
            return fields
        prefixes = tuple(f"{field}__" for field in self.account_fields)
        return [field for field in fields if not field.startswith(prefixes)]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Nor by filtering."""
        named = lookup.split("__", maxsplit=1)[0].removesuffix("_id")
        if named in self.account_fields and not may_view_accounts(request):
            return False
        allowed: bool = super().lookup_allowed(lookup, value, request)  # type: ignore[misc]
        return allowed


def may_view_accounts(request: HttpRequest) -> bool:
    """Whether this person holds the permission to see accounts."""
    return request.user.has_perm("accounts.view_user")


def display_name(user: User | None) -> str:
    """A colleague's name; never the address, which is for those who may see accounts."""
    if user is None:
        return ""
    return f"{user.first_name} {user.last_name}".strip() or f"account {user.pk}"
