"""Tokens of mailed links: valid for an hour and for one use, and stored nowhere."""

import re
from typing import Any

from django.contrib.auth.tokens import PasswordResetTokenGenerator

TOKEN = re.compile(r"([0-9]{1,18})-([0-9a-z]{1,13}-[0-9a-f]{1,64})")


class LinkTokenGenerator(PasswordResetTokenGenerator):
    """Makes and checks `<key of the user>-<time>-<digest>`.

    The digest covers the named columns of the user, so a token dies when one of them changes. Each
    kind names a column that the use of its link changes. None names `last_login`: whoever signs in
    meanwhile would end the link of the owner. The setting PASSWORD_RESET_TIMEOUT says for how many
    seconds a token is valid.
    """

    def __init__(self, purpose: str, *columns: str) -> None:
        super().__init__()
        self.key_salt = f"accounts.links.{purpose}"
        self.columns = ("pk", *columns)

    def make(self, user: Any) -> str:
        """Return a token of this user, valid until it expires or what its digest covers changes."""
        return f"{user.pk}-{self.make_token(user)}"

    def user_key(self, token: str) -> int | None:
        """Return the key of the user whom the token names; None for a malformed token."""
        match = TOKEN.fullmatch(token)
        return int(match[1]) if match else None

    def is_valid(self, user: Any, token: str) -> bool:
        """Whether it is an unused token of this active user that has not expired."""
        match = TOKEN.fullmatch(token)
        is_theirs = match and user and user.is_active and int(match[1]) == user.pk
        return bool(is_theirs and self.check_token(user, match and match[2]))

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        values = [getattr(user, column) for column in self.columns]
        return "\n".join(map(str, (*values, timestamp)))


class ResetTokenGenerator(LinkTokenGenerator):
    """Tokens that end with the next change of the password, once the address is verified.

    Until then another person may have registered with the address, and would end the owner's link
    by changing the password. The use of a link verifies the address, which ends the link.
    """

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        value = super()._make_hash_value(user, timestamp)
        return f"{value}\n{user.password_changed_at}" if user.email_verified_at else value


VERIFICATION = LinkTokenGenerator("verification", "email", "email_verified_at")
PASSWORD_RESET = ResetTokenGenerator("password_reset", "email", "email_verified_at")
