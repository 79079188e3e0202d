"""The progress of a load: percent, rows a second, seconds left."""

import time
from typing import Any

SECONDS_BETWEEN = {True: 0.2, False: 10.0}  # on a terminal, and in a file
BAR = 30  # characters


class Progress:
    """Prints how far a load is: one line that changes on a terminal, a line at a time elsewhere.

    `total`: the cost of the whole load, in rows copied.
    """

    def __init__(self, out: Any, total: float) -> None:
        self.out = out
        self.total = total
        self.done = 0.0
        self.rows = 0
        self.began = self.printed = time.monotonic()
        self.on_terminal: bool = out.isatty()

    def copied(self, rows: int) -> None:
        """Note rows that were copied."""
        self.rows += rows
        self.advance("rows", rows)

    def advance(self, step: str, cost: float) -> None:
        """Note a step of this cost."""
        self.done += cost
        now = time.monotonic()
        if now - self.printed >= SECONDS_BETWEEN[self.on_terminal]:
            self.printed = now
            self._print(self._line(step, now))

    def finish(self) -> None:
        """Print the last line."""
        seconds = time.monotonic() - self.began
        self._print(f"{self.rows:,} rows in {seconds:,.0f} s")
        if self.on_terminal:
            self.out.write("\n", ending="")

    def _line(self, step: str, now: float) -> str:
        share = min(1.0, self.done / self.total) if self.total else 1.0
        seconds = now - self.began
        left = seconds / share - seconds if share else 0
        bar = f"[{'#' * int(share * BAR):<{BAR}}] " if self.on_terminal else ""
        rate = self.rows / seconds if seconds else 0
        return f"{bar}{share:4.0%}, {rate:,.0f} rows/s, {left:,.0f} s left: {step}"

    def _print(self, line: str) -> None:
        if self.on_terminal:
            self.out.write(f"\r{line}\x1b[K", ending="")
        else:
            self.out.write(line)
        self.out.flush()
