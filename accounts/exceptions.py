"""The base of every domain error: what happened, in a code and a sentence, knowing no HTTP."""

from typing import Any


class DomainError(Exception):
    """A rule of the clinic refused a change; nothing was written.

    `code` is the machine's word for it, `message` a sentence for people, and `extra` what a client
    needs in order to go on, such as the alternatives to a full slot.
    """

    code = "conflict"
    message = "The change was refused."

    def __init__(self, message: str = "", **extra: Any) -> None:
        self.message = message or self.message
        self.extra = extra
        super().__init__(self.message)


class CredentialsChanged(Exception):
    """The password changed, or the account went, while somebody signed in with the old one."""

    def __init__(self) -> None:
        super().__init__("The account has changed meanwhile. Sign in again.")


class Throttled(Exception):
    """Too many tries; `wait` is the number of seconds until the next may succeed."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        super().__init__(f"Too many tries. Try again in {wait} seconds.")
