"""Plots of bars, drawn by the server as SVG: the places of everything that `desk/plot.html` draws.

A bar has parts, each in a colour that the colour-blind tell apart (Okabe and Ito) and, where two
colours could still be close, with a pattern. Every number also stands in words or in the table
under the plot. Lengths are in the units of the drawing, which the page scales.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import ngettext

WIDTH, LABELS, NOTES = 860, 200, 210  # of the drawing; left and right of the bars
ROW, BAR, TOP = 26, 18, 34  # height of a row, of a bar, and of the key on top
LETTER = 7  # about the width of a letter
LABEL_LETTERS = 27
EMPTY = "none"
PATTERNS = ("lines", "dots")
MOST_BARS = 40  # more cannot be read; the table has them all


@dataclass(frozen=True)
class Kind:
    """A kind of part: its word in the key, and its fill, a colour or the pattern lines or dots."""

    word: Any
    fill: str


@dataclass(frozen=True)
class Bar:
    """A row of a plot: its label, the number of each kind, and the text at its end."""

    label: str
    numbers: tuple[float, ...]
    note: str = ""

    @property
    def length(self) -> float:
        """The sum of the numbers."""
        return sum(self.numbers)


@dataclass(frozen=True)
class Drawn:
    """A rectangle, or a word of the key with its square, and the number that it shows, if any."""

    x: int
    width: int
    word: str
    fill: str
    number: str = ""

    @property
    def middle(self) -> int:
        """The middle of the rectangle."""
        return self.x + self.width // 2

    @property
    def fits(self) -> bool:
        """Whether the number can be read within the rectangle."""
        return bool(self.number) and self.width >= LETTER * len(self.number) + 6

    @property
    def number_style(self) -> str:
        """The style of the number: black on a colour, the page's own on none."""
        return "plot-text" if self.fill == EMPTY else "plot-number"


@dataclass(frozen=True)
class Row:
    """A drawn bar."""

    y: int
    label: str
    full_label: str
    parts: tuple[Drawn, ...]
    end: int
    note: str

    @property
    def base(self) -> int:
        """The base line of the texts in the row."""
        return self.y + 13

    @property
    def text(self) -> str:
        """What the row says, for a reader who cannot see it."""
        numbers = [f"{part.number} {part.word}" for part in self.parts if part.number]
        return f"{self.full_label}: {', '.join(filter(None, (*numbers, self.note)))}"


class Plot:
    """Bars one below the other, of one scale; `name` makes the ids of the page unique."""

    left = LABELS
    width = WIDTH
    bar = BAR

    def __init__(self, name: str, title: str, kinds: Iterable[Kind], bars: Iterable[Bar]) -> None:
        self.name, self.title, self.kinds = name, title, tuple(kinds)
        every = list(bars)
        self.left_out = max(0, len(every) - MOST_BARS)
        self.bars = longest(every, MOST_BARS)
        most = max((bar.length for bar in self.bars), default=0)
        self.scale = (WIDTH - LABELS - NOTES) / most if most else 0.0

    @property
    def height(self) -> int:
        """The height of the drawing."""
        return TOP + ROW * len(self.bars) + 4

    @property
    def description(self) -> str:
        """What the plot shows, for a reader who cannot see it."""
        kinds = ", ".join(str(kind.word) for kind in self.kinds)
        text = ngettext(
            "%(number)d bars of: %(kinds)s. The table below has all numbers.",
            "%(number)d bars of: %(kinds)s. The table below has all numbers.",
            len(self.bars),
        )
        return text % {"number": len(self.bars), "kinds": kinds}

    def key(self) -> Iterator[Drawn]:
        """Yield the words of the key, from left to right."""
        x = LABELS
        for kind in self.kinds:
            word = str(kind.word)
            yield Drawn(x, 14, word, self._fill(kind))
            x += 34 + LETTER * len(word)

    def rows(self) -> Iterator[Row]:
        """Yield the bars from top to bottom."""
        for number, bar in enumerate(self.bars):
            parts = tuple(self._parts(bar))
            end = parts[-1].x + parts[-1].width if parts else LABELS
            y = TOP + ROW * number
            yield Row(y, shortened(bar.label), bar.label, parts, end, bar.note)

    def _fill(self, kind: Kind) -> str:
        return f"url(#{self.name}-{kind.fill})" if kind.fill in PATTERNS else kind.fill

    def _parts(self, bar: Bar) -> Iterator[Drawn]:
        """Yield the parts of a bar; each begins where the sum of those before it ends."""
        before = 0.0
        for kind, number in zip(self.kinds, bar.numbers, strict=True):
            start = LABELS + round(before * self.scale)
            before += number
            width = LABELS + round(before * self.scale) - start
            shown = f"{number:g}" if len(self.kinds) > 1 else ""  # else the note says it
            if width:
                yield Drawn(start, width, str(kind.word), self._fill(kind), shown)


def longest(bars: list[Bar], most: int) -> list[Bar]:
    """Return the longest bars in their order, at most this many."""
    if len(bars) <= most:
        return bars
    kept = sorted(range(len(bars)), key=lambda n: (-bars[n].length, n))[:most]
    return [bars[n] for n in sorted(kept)]


def shortened(label: str) -> str:
    """Return the label, cut to the width of its column."""
    return label if len(label) <= LABEL_LETTERS else f"{label[: LABEL_LETTERS - 1]}\u2026"
