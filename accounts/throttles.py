"""Limits on logins, registrations, passwords and mail; the setting RATES has the numbers."""

from extensions.rest.throttling import PerAddressThrottle, PerCallerThrottle, PerUserThrottle


class PasswordThrottle(PerUserThrottle):
    """Limit the passwords that a user sends a minute: the thief of a token could guess them."""

    scope = "password"


class LoginThrottle(PerAddressThrottle):
    """Limit the logins from an IP address a minute, over all accounts."""

    scope = "login"


class RegistrationThrottle(PerAddressThrottle):
    """Limit the registrations from an IP address an hour."""

    scope = "register"


class MailThrottle(PerCallerThrottle):
    """Limit the mails that a user, or an IP address without a login, asks for an hour."""

    scope = "mail"
