"""Opens the channels of the setting MESSAGE_CHANNELS when a message needs them."""

from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.utils.module_loading import import_string

from accounts.channels.base import Channel


def is_on(name: str) -> bool:
    """Whether messages can leave by the channel with this name."""
    return name in settings.MESSAGE_CHANNELS


class OpenChannels:
    """The channels of one round, each opened for its first message; the block closes them."""

    def __init__(self) -> None:
        self._opened: dict[str, Channel] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for channel in self._opened.values():
            channel.close()

    def __getitem__(self, name: str) -> Channel:
        """Return the channel with this name; raises KeyError for one that is off."""
        if name not in self._opened:
            entry: dict[str, Any] = settings.MESSAGE_CHANNELS[name]
            self._opened[name] = import_string(entry["BACKEND"])(**entry.get("OPTIONS", {}))
        return self._opened[name]
