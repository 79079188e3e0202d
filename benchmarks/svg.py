"""Plots as SVG: horizontal bars, drawn without a library, readable on a light and a dark page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

LABELS, PLOT, VALUES, ROW, TOP = 320, 440, 140, 26, 58
WIDTH = LABELS + PLOT + VALUES
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 15px; }
.note { fill: #59636e; font-size: 12px; }
.page { fill: #ffffff; } .grid { stroke: #d1d9e0; } .range { stroke: #1f2328; stroke-width: 1.5; }
.one { fill: #2f6fb5; } .two { fill: #c8781f; } .target { stroke: #b42318; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .note { fill: #9aa4af; } .page { fill: #0d1117; }
  .grid { stroke: #30363d; } .range { stroke: #e6edf3; }
  .one { fill: #6cb0f5; } .two { fill: #e9a45c; } .target { stroke: #ff7b72; }
}
"""


@dataclass(frozen=True)
class Bar:
    """A row of a plot: its parts, one after the other, the range of the whole, and its target."""

    label: str
    parts: tuple[float, ...]
    least: float | None = None
    greatest: float | None = None
    target: float | None = None
    text: str = ""

    @property
    def whole(self) -> float:
        return sum(self.parts)

    @property
    def reach(self) -> float:
        """Return the greatest value that is drawn for the row."""
        return max(self.whole, self.greatest or 0, self.target or 0)


def bars(title: str, note: str, rows: Sequence[Bar]) -> str:
    """Return a plot as the text of an SVG file."""
    most = max((row.reach for row in rows), default=0) or 1
    step = tick(most)
    height = TOP + ROW * len(rows) + 34
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="12" y="24">{escape(title)}</text>',
        f'<text class="note" x="12" y="43">{escape(note)}</text>',
    ]
    bottom, value = TOP + ROW * len(rows), 0.0
    while value <= most * 1.0001:
        x = LABELS + PLOT * value / most
        lines.append(f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>')
        place = f'x="{x:.1f}" y="{bottom + 18}" text-anchor="middle"'
        lines.append(f'<text class="note" {place}>{value:g}</text>')
        value = round(value + step, 10)
    for number, row in enumerate(rows):
        lines += row_of(row, TOP + ROW * number, most)
    return "\n".join([*lines, "</svg>", ""])


def row_of(row: Bar, top: int, most: float) -> list[str]:
    """Return the elements of one bar."""
    middle, scale, x = top + ROW / 2, PLOT / most, float(LABELS)
    label = escape(row.label)
    lines = [f'<text x="{LABELS - 8}" y="{middle + 4:.1f}" text-anchor="end">{label}</text>']
    for part, name in zip(row.parts, ("one", "two"), strict=False):
        width = part * scale
        lines.append(
            f'<rect class="{name}" x="{x:.1f}" y="{top + 5}" width="{width:.1f}" '
            f'height="{ROW - 10}"/>'
        )
        x += width
    if row.least is not None and row.greatest is not None:
        low, high = (LABELS + scale * value for value in (row.least, row.greatest))
        lines.append(f'<path class="range" d="M{low:.1f} {middle:.1f}H{high:.1f}"/>')
    if row.target is not None:
        at = LABELS + scale * row.target
        lines.append(f'<path class="target" d="M{at:.1f} {top + 2}v{ROW - 4}"/>')
    end = LABELS + scale * row.reach + 6
    lines.append(f'<text class="note" x="{end:.1f}" y="{middle + 4:.1f}">{escape(row.text)}</text>')
    return lines


def tick(most: float) -> float:
    """Return a round distance of grid lines: five to ten of them up to this value."""
    size = 1.0
    while size * 10 <= most:
        size *= 10
    while size > most:
        size /= 10
    return next(size * part for part in (0.1, 0.2, 0.5, 1, 2) if most / (size * part) <= 8)
