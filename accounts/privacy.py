"""Accounts are shown to users with the permission `accounts.view_user`; superusers link them."""

from typing import Any

from django.http import HttpRequest


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


def may_view_accounts(request: HttpRequest) -> bool:
    """Whether the user holds the permission to view accounts."""
    return request.user.has_perm("accounts.view_user")


def display_name(key: int | None, that_day: str | None, user: Any) -> str:
    """Return the name of the account with this key; "account <key>" if it has none, "" for None.

    `that_day`: the name that an event keeps (`name_that_day`). An event that keeps none has the
    present name of `user`, who is None if the account is deleted. The name is never the e-mail
    address, which only users who may view accounts see.
    """
    if key is None:
        return ""
    present = user.full_name if user else ""
    return (present if that_day is None else that_day) or f"account {key}"
