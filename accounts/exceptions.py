"""Errors of signing in."""

from django.utils.translation import gettext


class CredentialsChanged(Exception):
    """The password changed, or the account was closed, during a login with the old password."""

    def __init__(self) -> None:
        super().__init__(gettext("The account has changed meanwhile. Sign in again."))


class Throttled(Exception):
    """Too many attempts; `wait`: seconds until the next attempt is allowed."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        sentence = gettext("Too many tries. Try again in %(wait)s seconds.")
        super().__init__(sentence % {"wait": wait})
