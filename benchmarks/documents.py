"""docs/performance.md: its tables and plots are made of a run, its text is written by hand.

What stands between `<!-- bench: NAME -->` and `<!-- end of NAME -->` is replaced by each run; all
other text stays.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Spread, of_row, ratio
from benchmarks.rows import ROWS, Row
from benchmarks.svg import Bar, bars
from benchmarks.targets import TARGETS, verdicts

Results = Mapping[str, Any]
PAGE = "performance.md"
SHOWN = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")  # of PostgreSQL
PICTURES = "pictures"
SECTION = re.compile(r"(<!-- bench: ([a-z-]+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)
NONE = "-"
LATENCIES = ("p50", "p95", "p99")
# Other rows that the ratios of a row need, for the command that repeats it.
COMPANIONS = {
    "slots": ("plain_slots", "limit_slots", "before_slots"),
    "unchanged": ("slots",),
    "soonest": ("slots",),
    "soonest_later": ("soonest_100",),
    "book": ("plain_book", "plain_book_with_key", "limit_book", "before_book"),
    "book_64": ("book",),
    "book_one_doctor": ("book_8",),
    "mine_2000": ("mine_10", "before_mine_2000"),
}
# Of the issue: measured in one interleaved run before this work, on the same kind of machine.
PEERS = (
    ("this project, before", "201", "97", "locks, constraints, events, audit, idempotency"),
    ("django-appointment", "16", "78", "without a lock or a constraint"),
)


def publish(results: Results, docs: Path) -> list[Path]:
    """Write the plots, and the sections of the page; return the files."""
    files = []
    for name, text in plots(results).items():
        path = docs / PICTURES / f"performance-{name}.svg"
        path.write_text(text)
        files.append(path)
    page = docs / PAGE
    page.write_text(filled(page.read_text(), sections(results)))
    return [*files, page]


def filled(page: str, made: Mapping[str, str]) -> str:
    """Return the page with the text of each section that was made; others stay as they are."""

    def replaced(found: re.Match[str]) -> str:
        text = made.get(found[2])
        return found[0] if text is None else f"{found[1]}\n{text.strip()}\n\n{found[3]}"

    return SECTION.sub(replaced, page)


def sections(results: Results) -> dict[str, str]:
    """Return the text of each section of the page, by its name."""
    return {
        "run": about(results),
        "targets": targets(results),
        "rows": rows(results),
        "yardsticks": yardsticks(results),
        "peers": peers(results),
        "bursts": bursts(results),
        "statements": statements(results),
        "commands": commands(),
    }


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    rule = ["---"] * len(heads)
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *lines))


def shown(found: Spread | None, form: str, *, with_range: bool = False) -> str:
    """Return a median, and its range if wanted; a dash where nothing was measured."""
    if found is None:
        return NONE
    text = format(found.median, form)
    if with_range:
        text += f" ({format(found.least, form)} to {format(found.greatest, form)})"
    return text


# --- Sections -------------------------------------------------------------------------------------


def about(results: Results) -> str:
    """Say what the figures depend on."""
    run = results["run"]
    database, sizes = run["database"], run["sizes"]
    counted = ", ".join(f"{number:,} in `{name}`" for name, number in sizes.items())
    settings = ", ".join(f"`{name}={database[name]}`" for name in SHOWN)
    measured_in = f"{run['rounds']} rounds of {run['row_seconds']:g} s a row"
    took = f"measured in {run['seconds'] / 60:.0f} minutes by `{run['command']}`: {measured_in}"
    versions = f"Python {run['python']}; PostgreSQL {database['server_version']}"
    lines = [
        f"Revision `{run['revision']}`, {took}.",
        f"{run['cores']} cores; {versions}, {settings}.",
        f"Rows: {counted}.",
        *(f"{note[0].upper()}{note[1:]}." for note in results["notes"]),
    ]
    for side, check in results["checks"].items():
        number = f"{check['acknowledged']:,} acknowledged bookings"
        lines.append(f"Checked ({side}): {number}, each in the database; {check['invariants']}")
    lines += [f"**Failed:** {name}: {why[:160]}." for name, why in results["failures"].items()]
    return "\n".join(f"- {line}" for line in lines)


def targets(results: Results) -> str:
    """Return the table of targets, figures and verdicts."""
    words = {True: "yes", False: "**no**", None: NONE}
    lines = [
        (each.target.work, each.target.wanted, each.text.replace("|", "/")[:60], words[each.met])
        for each in verdicts(results)
    ]
    return table(("work", "target", "figure", "met?"), lines)


def rows(results: Results) -> str:
    """Return the table of the product's rows and those of what stood before."""
    return rows_of(results, [row for row in measured(results) if row.side in ("product", "before")])


def yardsticks(results: Results) -> str:
    """Return the table of the yardsticks."""
    return rows_of(
        results, [row for row in measured(results) if row.side in ("yardsticks", "database")]
    )


def measured(results: Results) -> list[Row]:
    """Return the rows that the run has figures of, without those that failed."""
    failed = results["failures"]
    return [row for row in ROWS if row.name in results["samples"] and row.name not in failed]


def rows_of(results: Results, chosen: Sequence[Row]) -> str:
    """Return a table with all figures of the rows."""
    samples, lines = results["samples"], []
    for row in chosen:
        figures = [shown(of_row(samples, row.name, name), ".1f") for name in LATENCIES]
        used = ("server_cpu", "database_cpu", "generator_cpu")
        cpu = [shown(of_row(samples, row.name, name), ".2f") for name in used]
        shares = [
            shown(ratio(samples, row.name, base), ".3f", with_range=True)
            for base in ("bare", "noop")
        ]
        probe = results["probes"].get(row.name)
        counts = (
            [f"{probe[name]:.1f}" for name in ("statements", "buffers")] if probe else [NONE, NONE]
        )
        rate = shown(of_row(samples, row.name, "rate"), ",.0f")
        lines.append(
            (
                f"{row.label} (`{row.name}`)",
                str(row.clients),
                rate,
                *shares,
                *figures,
                *cpu,
                *counts,
            )
        )
    heads = ("row", "clients", "req/s", "of the bare no-op", "of the no-op", "p50 ms", "p95", "p99")
    cpu_heads = ("server ms", "database ms", "load ms")
    return table((*heads, *cpu_heads, "statements", "buffers"), lines)


def peers(results: Results) -> str:
    """Return the figures of others, measured earlier, beside those of this run."""
    rates = [shown(of_row(results["samples"], row, "rate"), ",.0f") for row in ("slots", "book")]
    shares = [shown(ratio(results["samples"], row, "bare"), ".3f") for row in ("slots", "book")]
    now = ("this project, this run", *rates, *shares, PEERS[0][3])
    bare = 2679  # bare no-ops a second in the run of the peers
    earlier = [
        (
            f"{name} (earlier run)",
            *figures,
            *(f"{int(each) / bare:.3f}" for each in figures),
            guards,
        )
        for name, *figures, guards in PEERS
    ]
    heads = ("software", "lists/s", "bookings/s", "lists: of the bare no-op", "bookings", "guards")
    return table(heads, [now, *earlier])


def bursts(results: Results) -> str:
    """Say what came at once, and what memory and the start took."""
    found, lines = results["bursts"], []
    if race := found.get("races"):
        times = f"the slowest answer {race['slowest']:.0f} ms, the median {race['median']:.0f} ms"
        what = f"{race['clients']} patients for one place, {race['races']} times"
        lines.append(f"{what}: one booking each time; {times}.")
    if each := found.get("sign_ins"):
        waits = f"{each['others_p95']:.0f} ms, idle {each['others_idle_p95']:.0f} ms"
        lines.append(
            f"{each['clients']} sign-ins at once, {each['bursts']} times: "
            f"{each['memory_more']:.0f} MB more, the slowest {each['slowest']:.0f} ms; "
            f"p95 of {each['others']} other answers {waits}."
        )
    memory = results["memory"]
    sizes = {
        when: ", ".join(f"{worker['rss']:.0f} ({worker['pss']:.0f})" for worker in memory[when])
        for when in ("first", "last")
    }
    lines.append(
        f"Memory of the workers, MB (shared pages divided): {sizes['first']} after one round, "
        f"{sizes['last']} after {memory['requests']:,} more requests."
    )
    lines.append(f"Ready after {', '.join(f'{each:.1f}' for each in results['start'])} s.")
    return "\n".join(f"- {line}" for line in lines)


def statements(results: Results) -> str:
    """List the statements of the product's rows, with their calls and buffers a request."""
    parts = []
    for row in ROWS:
        probe = results["probes"].get(row.name)
        if probe and row.side == "product" and probe["queries"]:
            lines = [
                f"{each['calls']:>6.2f} {each['buffers']:>7.1f}  {each['query'][:150]}"
                for each in probe["queries"]
            ]
            head = f"{'calls':>6} {'buffers':>7}  statement"
            text = "\n".join([head, *lines])
            parts.append(
                f"<details><summary>{row.label}</summary>\n\n```\n{text}\n```\n\n</details>"
            )
    return "\n".join(parts)


def commands() -> str:
    """Return the command that repeats each row, with the rows that it is compared with."""
    lines = []
    for row in ROWS:
        if row.side == "product":
            names = ",".join(("bare", "noop", *COMPANIONS.get(row.name, ()), row.name))
            lines.append((row.label, f'`make bench ARGS="--rows {names}"`'))
    lines.append(("64 for one slot; 32 sign-ins; memory; start", "`make bench`"))
    return table(("row", "command"), lines)


# --- Plots ----------------------------------------------------------------------------------------


def plots(results: Results) -> dict[str, str]:
    """Return the text of each plot, by its name."""
    samples = results["samples"]
    bounds = {each.row: each.bound for each in TARGETS if each.wanted.endswith("bare")}
    shares, cpu, waits = [], [], []
    for row in measured(results):
        share = ratio(samples, row.name, "bare")
        if share and row.name not in ("bare", "limit_slots"):
            text = f"{share.median:.3f}"
            whole = (share.median,), share.least, share.greatest
            shares.append(Bar(row.label, *whole, bounds.get(row.name), text))
        used = [of_row(samples, row.name, name) for name in ("server_cpu", "database_cpu")]
        if all(used):
            parts = tuple(each.median for each in used if each)
            cpu.append(Bar(row.label, parts, text=f"{parts[0]:.2f} + {parts[1]:.2f} ms"))
        half, most = (of_row(samples, row.name, name) for name in ("p50", "p95"))
        if half and most:
            text = f"{half.median:.0f}, {most.median:.0f} ms"
            waits.append(Bar(row.label, (half.median, most.median - half.median), text=text))
    return {
        "shares": bars(
            "Requests a second, as a share of the bare no-op",
            "Median of the rounds with its range; the red mark is the target.",
            shares,
        ),
        "cpu": bars(
            "CPU of a request", "Milliseconds of the server, and after it of PostgreSQL.", cpu
        ),
        "waits": bars("Waiting for an answer", "p50, and up to p95, in milliseconds.", waits),
    }
