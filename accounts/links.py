"""The secrets of mailed links: good for an hour and for one use, and stored nowhere."""

import re
from typing import TYPE_CHECKING

from django.contrib.auth.tokens import PasswordResetTokenGenerator

if TYPE_CHECKING:
    from accounts.models import User

TOKEN = re.compile(r"([0-9]{1,18})-([0-9a-z]{1,13}-[0-9a-f]{1,64})")


class Link(PasswordResetTokenGenerator):
    """Makes and checks `<key of the user>-<time>-<digest>`.

    The digest is over what the use of the link changes: a link that was used no longer fits.
    PASSWORD_RESET_TIMEOUT says for how many seconds it is good.
    """

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.key_salt = f"accounts.links.{purpose}"

    def make(self, user: "User") -> str:
        """A token for this user as they are now."""
        return f"{user.pk}-{self.make_token(user)}"

    def key_in(self, token: str) -> int | None:
        """Whose token it claims to be; None for what is none."""
        match = TOKEN.fullmatch(token)
        return int(match[1]) if match else None

    def fits(self, user: "User | None", token: str) -> bool:
        """Whether it is a live token of this user, who may sign in."""
        match = TOKEN.fullmatch(token)
        is_theirs = match and user and user.is_active and int(match[1]) == user.pk
        return bool(is_theirs and self.check_token(user, match and match[2]))


class EmailLink(Link):
    """A link that shows that whoever has it reads the mail of the user's present address."""

    def _make_hash_value(self, user: "User", timestamp: int) -> str:
        return f"{user.pk}\n{user.email}\n{user.email_verified_at}\n{timestamp}"


VERIFICATION = EmailLink("verification")
PASSWORD_RESET = Link("password_reset")
