"""The base class of domain errors; it knows no HTTP."""

from typing import Any


class DomainError(Exception):
    """A rule refused a change, and nothing was written.

    `code`: the name of the error for clients. `message`: a sentence for people. `extra`: further
    data for the client, such as other slots.
    """

    code = "conflict"
    message = "The change was refused."

    def __init__(self, message: str = "", **extra: Any) -> None:
        self.message = message or self.message
        self.extra = extra
        super().__init__(self.message)
