"""What a morning costs: processor time of a call times calls a second, for docs/scaling.md.

    .venv/bin/python -m benchmarks.capacity                   # the table of a vaccination morning
    .venv/bin/python -m benchmarks.capacity --people 20000 --places 4000

The costs are the medians of docs/performance.json, or those of MEASURED where it has no such row.
"""

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUSY = 0.7  # of the processors: above it, waits grow without bound
THREADS = 16  # of a worker, each with a connection to the database


@dataclass(frozen=True)
class Cost:
    """Milliseconds of processor time of one call: of the server, and of the database."""

    server: float
    database: float


# By row of docs/performance.json; measured before the work on speed, but for `refused_503`
# (tests/drills/drill_rush.py: the loop alone) and `sign_in` (22 ms of it for Argon2).
MEASURED = {
    "soonest": Cost(6.8, 2.2),
    "book": Cost(13.3, 5.0),
    "refused": Cost(10.0, 2.5),
    "sign_in": Cost(35.0, 4.0),
    "refused_503": Cost(0.3, 0.0),
}


@dataclass(frozen=True)
class Morning:
    """People who want a place within an hour. They come most densely when the places open.

    `mean_arrival`: seconds; arrivals fall exponentially. `looks`: lists that a person reads before
    each booking; `signs_in`: share who have no token yet.
    """

    people: int = 1_000_000
    places: int = 200_000
    seconds: int = 3_600
    mean_arrival: float = 900.0
    looks: float = 2.0
    signs_in: float = 0.3

    @property
    def peak(self) -> float:
        """People a second when the places open."""
        share = 1 - math.exp(-self.seconds / self.mean_arrival)
        return self.people / self.mean_arrival / share

    def calls_of_a_person(self) -> dict[str, float]:
        """Return the calls of a person who finds free places, by row."""
        return {"sign_in": self.signs_in, "soonest": self.looks, "book": 1.0}


def costs(path: Path = ROOT / "docs/performance.json") -> dict[str, Cost]:
    """Return the cost of each row: as measured in the file, or else in MEASURED."""
    samples = json.loads(path.read_text())["samples"] if path.exists() else {}
    return {row: _of_row(samples.get(row, []), kept) for row, kept in MEASURED.items()}


def _of_row(samples: list[Mapping[str, Any]], kept: Cost) -> Cost:
    found = [each for each in samples if "server_cpu" in each and "database_cpu" in each]
    if not found:
        return kept
    return Cost(*(median(each[name] for each in found) for name in ("server_cpu", "database_cpu")))


@dataclass(frozen=True)
class Need:
    """What a rate of people keeps busy: processors, at BUSY, and connections."""

    web_cores: int
    database_cores: int

    @property
    def connections(self) -> int:
        """Connections of the web servers, one worker for each core."""
        return self.web_cores * THREADS


def need(calls: Mapping[str, float], rate: float, cost: Mapping[str, Cost]) -> Need:
    """Return what serves these calls of so many people a second.

    By the utilization law: busy cores are calls a second times processor seconds of a call.
    """
    server = sum(number * cost[row].server for row, number in calls.items()) / 1000
    database = sum(number * cost[row].database for row, number in calls.items()) / 1000
    return Need(math.ceil(rate * server / BUSY), math.ceil(rate * database / BUSY))


def table(morning: Morning, cost: Mapping[str, Cost]) -> str:
    """Return the costs and the needs of the morning as two tables of Markdown."""
    calls, mean = morning.calls_of_a_person(), morning.people / morning.seconds
    lines = ["| call | server ms | database ms | calls of a person |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {row} | {each.server:.1f} | {each.database:.1f} | {calls.get(row, 0):g} |"
        for row, each in cost.items()
    ]
    lines += ["", "| people a second | web cores | database cores | connections |"]
    lines += ["| --- | --- | --- | --- |"]
    for name, rate in (("mean", mean), ("half the peak", morning.peak / 2), ("peak", morning.peak)):
        found = need(calls, rate, cost)
        lines.append(
            f"| {rate:,.0f} ({name}) | {found.web_cores} | {found.database_cores} "
            f"| {found.connections} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=Morning.people)
    parser.add_argument("--places", type=int, default=Morning.places)
    asked = parser.parse_args()
    print(table(Morning(asked.people, asked.places), costs()))


if __name__ == "__main__":
    main()
