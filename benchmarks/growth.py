"""`make bench-growth`: what each call and page costs with 10 million visits, and with 0.5 million.

The rows of the product run on two servers in the same rounds: one on the large database, the other
on a small one. Then each page of staff and each list is opened on both (benchmarks.page_costs).
Both have the same doctors at the same sites, and the same calendar ahead: the large one has twenty
times the past, with as many times the patients and audit events.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.documents import table
from benchmarks.figures import of_row, percentile, ratio
from benchmarks.rounds import Bench
from benchmarks.rows import PRODUCT, ROWS, SMALL, Row

MOST_MS = 150  # of server time, for a page of staff
MOST_GROWTH = 1.15
SLACK_MS = 10  # by which CPU times of one page vary on a busy machine
LISTED = 30
Results = Mapping[str, Any]


def small_twins(rows: Sequence[Row]) -> list[Row]:
    """Return the same rows for the small database."""
    return [
        replace(row, name=f"small_{row.name}", label=f"{row.label}, small", side=SMALL)
        for row in rows
        if row.side == PRODUCT and row.is_timed
    ]


def pages(bench: Bench) -> dict[str, dict[str, Any]]:
    """Measure each page on both databases, one after the other; return the costs by name."""
    large, small = (costs(bench, side) for side in (PRODUCT, SMALL))
    found = {}
    for name, cost in large.items():
        if cost["status"] not in (200, 302):
            bench.failures[name] = f"answers {cost['status']}"
        elif name in small:
            found[name] = {"large": cost, "small": small[name]}
    return found


def costs(bench: Bench, side: str) -> dict[str, dict[str, Any]]:
    """Return what each page costs on the database of a place."""
    file, server = bench.folder / f"pages-{side}.json", bench.places[side].server
    # Calls of one address by the hundred: no limit of production counts them.
    server.run("-m", "benchmarks.page_costs", str(file), ENVIRONMENT="demo", THROTTLE="off")
    found: dict[str, dict[str, Any]] = json.loads(file.read_text())
    return found


def milliseconds(cost: Mapping[str, Any]) -> float:
    """Return the time of the server: the CPU of Python and of PostgreSQL."""
    return float(cost["python_ms"] + cost["database_ms"])


def has_grown(small: Mapping[str, Any], large: Mapping[str, Any]) -> bool:
    """Whether the server needs longer, by more than chance gives."""
    return milliseconds(large) > MOST_GROWTH * milliseconds(small) + SLACK_MS


def section(results: Results) -> str:
    """Return the tables of docs/performance.md: the rows, and the pages that cost the most.

    The growth is that of the least CPU of the rounds: what else the machine does only adds to it.
    """
    samples, lines = results["samples"], list[tuple[str, ...]]()
    for row in ROWS:
        twin = f"small_{row.name}"
        used = [of_row(samples, name, "cpu") for name in (twin, row.name)]
        cost, time = ratio(samples, row.name, twin, "cpu"), ratio(samples, twin, row.name)
        if cost and time:
            few, many = (each.least if each else 0.0 for each in used)
            waits = [of_row(samples, name, "p95") for name in (twin, row.name)]
            cells = [
                *(f"{each:.1f}" for each in (few, many)),
                f"{many / few:.2f}",
                f"{cost.median:.2f}",
                *(f"{each.least:.0f}" if each else "-" for each in waits),
            ]
            lines.append((row.label, *cells, "yes" if many <= MOST_GROWTH * few else "**no**"))
    heads = (
        *("row", "CPU ms, small", "large", "growth", "median of rounds"),
        *("p95 ms, small", "large", "at most 1.15?"),
    )
    return f"{table(heads, lines)}\n\n{pages_table(results.get('pages', {}))}"


def pages_table(pages: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table of the pages that miss a target or come close, the slowest first."""
    lines: list[tuple[str, ...]] = []
    late = grown = 0
    for name, each in sorted(pages.items(), key=lambda item: -milliseconds(item[1]["large"])):
        large, small = each["large"], each["small"]
        is_late, grows = milliseconds(large) > MOST_MS, has_grown(small, large)
        late, grown = late + is_late, grown + grows
        if is_late or grows or len(lines) < LISTED:
            lines.append(
                (
                    name.replace("|", "/"),
                    *(f"{milliseconds(size):.0f}" for size in (small, large)),
                    f"{large['python_ms']:.0f} + {large['database_ms']:.0f}",
                    f"{large['statements']}",
                    *(f"{size['buffers']:,}" for size in (small, large)),
                    f"{'**slow** ' * is_late}{'**grows**' * grows}".strip() or "yes",
                )
            )
    heads = ("page", "ms, small", "ms, large", "Python + PostgreSQL", "statements")
    times = [milliseconds(each["large"]) for each in pages.values()]
    intro = (
        f"{len(pages)} pages of staff and lists: {late} need more than {MOST_MS} ms, {grown} grow; "
        f"p95 {percentile(times, 0.95) if times else 0:.0f} ms. These and the {LISTED} slowest:"
    )
    return f"{intro}\n\n{table((*heads, 'buffers, small', 'buffers, large', 'met?'), lines)}"
