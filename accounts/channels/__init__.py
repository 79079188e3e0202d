"""The channels that send messages: one class each, named by the setting MESSAGE_CHANNELS.

A channel has `send(message) -> receipt`, which raises NotSent, and `close()`. See docs/messages.md.
"""

from accounts.channels.base import Channel, NotSent, Trouble
from accounts.channels.opened import OpenChannels, is_on

__all__ = ["Channel", "NotSent", "OpenChannels", "Trouble", "is_on"]
