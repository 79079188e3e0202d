"""Errors of signing in."""


class CredentialsChanged(Exception):
    """The password changed, or the account was closed, during a login with the old password."""

    def __init__(self) -> None:
        super().__init__("The account has changed meanwhile. Sign in again.")


class Throttled(Exception):
    """Too many attempts; `wait`: seconds until the next attempt is allowed."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        super().__init__(f"Too many tries. Try again in {wait} seconds.")
