"""What signing in refuses."""


class CredentialsChanged(Exception):
    """The password changed, or the account went, while somebody signed in with the old one."""

    def __init__(self) -> None:
        super().__init__("The account has changed meanwhile. Sign in again.")


class Throttled(Exception):
    """Too many tries; `wait` is the number of seconds until the next may succeed."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        super().__init__(f"Too many tries. Try again in {wait} seconds.")
