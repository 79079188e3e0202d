"""Medians, and ratios of what one round measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Samples = Mapping[str, Sequence[Mapping[str, float]]]  # by row, one sample a round


@dataclass(frozen=True)
class Spread:
    """The median of the rounds, the least and the greatest."""

    median: float
    least: float
    greatest: float

    def times(self, factor: float) -> "Spread":
        """Return the spread of values that are so many times as great."""
        return Spread(self.median * factor, self.least * factor, self.greatest * factor)


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of at least one value."""
    return Spread(median(values), min(values), max(values))


def of_row(samples: Samples, row: str, name: str) -> Spread | None:
    """Return the spread of one figure of a row; None if the row was not measured."""
    values = [sample[name] for sample in samples.get(row, ()) if name in sample]
    return spread(values) if values else None


def ratio(samples: Samples, row: str, base: str, name: str = "rate") -> Spread | None:
    """Return the spread of the ratios row / base, each of one round; None without both rows.

    What slows the machine for a minute slows both rows of a round, so that their ratio stays.
    """
    pairs = zip(samples.get(row, ()), samples.get(base, ()), strict=False)
    values = [one[name] / other[name] for one, other in pairs if other.get(name) and name in one]
    return spread(values) if values else None


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share (0 to 1) of the values do not exceed: a nearest rank."""
    ordered = sorted(values)
    rank = -(-len(ordered) * share // 1)  # rounded up
    return ordered[max(0, min(len(ordered), int(rank)) - 1)]


def met(value: Spread | None, holds: Callable[[float], bool]) -> bool | None:
    """Return whether the median meets a target; None if it was not measured."""
    return None if value is None else holds(value.median)
