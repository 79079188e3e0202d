"""Lets a process that gets SIGTERM or SIGINT finish a block of code before it ends."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """What the signals SIGTERM and SIGINT do to this process, once `catch` was called.

    They raise KeyboardInterrupt in the main thread: at once, or, inside a block of `deferred`, at
    its end. A second signal raises it at once.
    """

    def __init__(self) -> None:
        self._depth = 0
        self.is_due = False

    def catch(self) -> None:
        """Handle the signals from now on; call it in the main thread."""
        self.is_due = False
        signal.signal(signal.SIGTERM, self._handle)
        signal.signal(signal.SIGINT, self._handle)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Finish the block before a signal ends the process; raises KeyboardInterrupt after it."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self.is_due and not self._depth:
                self.is_due = False
                raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._depth or self.is_due:
            raise KeyboardInterrupt
        self.is_due = True


interrupts = Interrupts()
deferred = interrupts.deferred
