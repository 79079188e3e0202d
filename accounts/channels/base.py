"""The interface of a channel: `send`, and the failures that it raises."""

from enum import Enum

from accounts.messages import Message


class Trouble(Enum):
    """What a failure means for the message, and for the other messages of the round."""

    REFUSED = "given up"  # this message will never be accepted: a reply 5xx, a malformed address
    POSTPONED = "to be tried again"  # a reply 4xx to this mail: greylisting, a full mailbox
    MAYBE_AWAY = "the server may be away"  # it ended the session: over this message, or over any
    SERVER_AWAY = "the server is away"  # no connection: no message can be sent now


class NotSent(Exception):
    """A message was not sent. The text says why and holds no address.

    `wait`: how many seconds the server asks to wait before the next try; 0 if it does not say.
    """

    def __init__(self, trouble: Trouble, reason: str, wait: float = 0) -> None:
        super().__init__(f"{reason}, {trouble.value}")
        self.trouble, self.wait = trouble, wait


class Channel:
    """Sends messages in one way, such as by SMS; opened for a round of messages, then closed."""

    def send(self, message: Message) -> str:
        """Send the message; return the receipt, the server's id of it; raises NotSent.

        `message.key` is the same at each try, by which a server can recognize a second one.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close what the channel has opened."""
