"""Limits on logins, registrations, passwords and mail; the setting RATES has the numbers."""

from typing import Any

from extensions.rest.throttling import PerAddressThrottle, PerUserThrottle


class PasswordThrottle(PerUserThrottle):
    """Limit the passwords that a user sends a minute: the thief of a token could guess them."""

    scope = "password"


class LoginThrottle(PerAddressThrottle):
    """Limit the logins from an IP address a minute, over all accounts."""

    scope = "login"


class RegistrationThrottle(PerAddressThrottle):
    """Limit the registrations from an IP address an hour."""

    scope = "register"


class MailThrottle(PerAddressThrottle):
    """Limit the mails that a user, or an IP address without a login, asks for an hour."""

    scope = "mail"

    def identity(self, request: Any) -> str | None:
        is_known = request.user.is_authenticated
        return f"user-{request.user.pk}" if is_known else super().identity(request)
