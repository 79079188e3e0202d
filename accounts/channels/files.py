"""A channel that writes each message into a file: the SMS and the push notices of a demo."""

from pathlib import Path

from django.utils import timezone

from accounts.channels.base import Channel, NotSent, Trouble
from accounts.messages import Message


class FileChannel(Channel):
    """Writes a file for each message into a folder: `20260318-091500-sms-1f2e3d4c.txt`, in UTC.

    The last part is the begin of the message's key: a second try writes a file with the same one.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def send(self, message: Message) -> str:
        """Write the message; return the name of the file; raises NotSent."""
        now = timezone.now()
        name = f"{now:%Y%m%d-%H%M%S}-{message.channel}-{message.key[:8]}.txt"
        lines = [f"To: {to}" for to in (message.to, *message.also_to)]
        text = "\n".join([*lines, f"Title: {message.subject}", "", message.text])
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / name).write_text(text + "\n")
        except OSError as error:
            raise NotSent(Trouble.SERVER_AWAY, type(error).__name__) from error
        return name
