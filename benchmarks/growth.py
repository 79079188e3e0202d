"""`make bench-growth`: what each call and page costs with 10 million visits, and with 0.5 million.

The rows of the product run on two servers in the same rounds: one on the large database, the other
on a small one. Then each page of staff and each list is opened on both, one after the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from benchmarks.clients import Connection
from benchmarks.documents import table
from benchmarks.figures import of_row, percentile, ratio
from benchmarks.generator import Failed, address, host_of, http_request
from benchmarks.rounds import Bench, Place
from benchmarks.rows import PRODUCT, ROWS, SMALL, Row

# What the desk answers for an action or a panel without its parameters, or a page of doctors.
NO_PAGE = (403, 404, 405)
TRIES = 5  # of each page on each database, after one that warms it
MOST_MS = 150  # of server time, for a page of staff
MOST_GROWTH = 1.15
Results = Mapping[str, Any]


class NoPage(Exception):
    """The address is none that staff open as it stands; the message is the status."""


def small_twins(rows: Sequence[Row]) -> list[Row]:
    """Return the same rows for the small database."""
    return [
        replace(row, name=f"small_{row.name}", label=f"{row.label}, small", side=SMALL)
        for row in rows
        if row.side == PRODUCT and row.is_timed
    ]


def open_pages(bench: Bench) -> dict[str, dict[str, Any]]:
    """Open each page on both databases in turn; return times, statements and buffers by path."""
    large, small = bench.places[PRODUCT], bench.places[SMALL]
    paths = dict(zip(large.clinic.pages, small.clinic.pages, strict=True))
    found = {}
    for number, (path, path_of_small) in enumerate(paths.items(), 1):
        try:
            found[path] = both(bench, (large, path), (small, path_of_small))
        except NoPage as answer:
            print(
                f"  {path} is no page for a GET of staff without parameters: {answer}", flush=True
            )
        except (Failed, OSError) as failed:
            bench.failures[path] = str(failed)
            print(f"  {path} FAILED: {failed}", flush=True)
        if number % 25 == 0:
            print(f"  {number} pages of {len(paths)}", flush=True)
    return found


def both(bench: Bench, *asked: tuple[Place, str]) -> dict[str, Any]:
    """Open a page TRIES times on each database, alternating; return what it took on either."""
    requests = [(place, request_of(place, path)) for place, path in asked]
    times: list[list[float]] = [[] for _ in requests]
    for turn in range(TRIES + 1):
        for each, (place, request) in zip(times, requests, strict=True):
            with Connection(place.server.base) as connection:
                connection.connect()
                status, milliseconds, body = connection.timed(request)
            if status in NO_PAGE and not turn:
                raise NoPage(status)
            if status != 200:
                raise Failed(f"answers {status}: {body[:120].decode(errors='replace')}")
            if turn:
                each.append(milliseconds)
    counts = [counted(bench, place, request) for place, request in requests]
    large, small = (
        {"ms": median(each), **count} for each, count in zip(times, counts, strict=True)
    )
    return {"large": large, "small": small, "growth": large["ms"] / small["ms"]}


def request_of(place: Place, path: str) -> bytes:
    """Return the GET of a page by the member of staff, as a browser sends it."""
    headers = {
        "X-Forwarded-For": address(1),
        "X-Forwarded-Proto": "https",
        "Accept": "application/json" if path.startswith("/api/") else "text/html",
        "Cookie": place.clinic.cookie,
    }
    return http_request("GET", path, host_of(place.server.base), headers)


def counted(bench: Bench, place: Place, request: bytes) -> dict[str, float]:
    """Return the statements and buffers of one request."""
    bench.database.forget_statements()
    with place.server.connection() as connection:
        connection.send(request)
    return bench.count(place, 1)


def section(results: Results) -> str:
    """Return the tables of docs/performance.md: the rows, and the pages that cost the most."""
    samples, lines = results["samples"], []
    for row in ROWS:
        twin = f"small_{row.name}"
        cost, time = ratio(samples, row.name, twin, "cpu"), ratio(samples, twin, row.name)
        if cost and time:
            values = [of_row(samples, name, "p95") for name in (twin, row.name)]
            waits = [f"{each.median:.1f}" if each else "-" for each in values]
            word = "yes" if cost.median <= MOST_GROWTH else "**no**"
            lines.append((row.label, f"{cost.median:.2f}", f"{time.median:.2f}", *waits, word))
    heads = ("row", "CPU, large / small", "time", "p95 ms, small", "p95, large", "at most 1.15?")
    return f"{table(heads, lines)}\n\n{pages_table(results['pages'])}"


def pages_table(pages: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table of the pages, the slowest first."""
    lines = []
    for path, each in sorted(pages.items(), key=lambda item: -item[1]["large"]["ms"]):
        large, small = each["large"], each["small"]
        good = large["ms"] <= MOST_MS and each["growth"] <= MOST_GROWTH
        lines.append(
            (
                f"`{path.replace('|', '%7C')}`",
                *(f"{size['ms']:.0f}" for size in (small, large)),
                f"{each['growth']:.2f}",
                f"{large['statements']:.0f}",
                f"{large['buffers']:,.0f}",
                "yes" if good else "**no**",
            )
        )
    slowest = percentile([each["large"]["ms"] for each in pages.values()], 0.95) if pages else 0
    heads = ("page", "ms, small", "ms, large", "growth", "statements", "buffers", "met?")
    intro = (
        f"{len(pages)} pages of staff and lists, the slowest first; p95 of them {slowest:.0f} ms."
    )
    return f"{intro}\n\n{table(heads, lines)}"
