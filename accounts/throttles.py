"""Limits on signing in and up and on mail: who is counted, in which scope of the settings."""

from typing import Any

from extensions.rest.throttling import PerAddressThrottle, PerUserThrottle


class PasswordThrottle(PerUserThrottle):
    """So many tries of a password a minute for who is signed in: a token that was stolen."""

    scope = "password"


class LoginThrottle(PerAddressThrottle):
    """So many logins a minute from an address, whatever the account."""

    scope = "login"


class RegistrationThrottle(PerAddressThrottle):
    """So many new accounts an hour from an address."""

    scope = "register"


class MailThrottle(PerAddressThrottle):
    """So many mails asked for an hour from an address, or by who is signed in."""

    scope = "mail"

    def identity(self, request: Any) -> str | None:
        is_known = request.user.is_authenticated
        return f"user-{request.user.pk}" if is_known else super().identity(request)
