"""Tokens of mailed links: valid for an hour and for one use, and stored nowhere."""

import re
from typing import Any

from django.contrib.auth.tokens import PasswordResetTokenGenerator

TOKEN = re.compile(r"([0-9]{1,18})-([0-9a-z]{1,13}-[0-9a-f]{1,64})")


class LinkTokenGenerator(PasswordResetTokenGenerator):
    """Makes and checks `<key of the user>-<time>-<digest>`.

    The digest covers a column that the use of the link changes (the password, or
    `email_verified_at`), so a used token is invalid. The setting
    PASSWORD_RESET_TIMEOUT says for how many seconds a token is valid.
    """

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.key_salt = f"accounts.links.{purpose}"

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


class EmailTokenGenerator(LinkTokenGenerator):
    """Tokens that prove that their bearer reads the mail of the user's current address."""

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{user.pk}\n{user.email}\n{user.email_verified_at}\n{timestamp}"


VERIFICATION = EmailTokenGenerator("verification")
PASSWORD_RESET = LinkTokenGenerator("password_reset")
