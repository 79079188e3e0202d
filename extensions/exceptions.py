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
