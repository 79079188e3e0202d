"""The figures as a table for the terminal."""

from typing import Any

from benchmarks.figures import of_row, ratio

COLUMNS = (
    ("rate", "req/s", "8.1f"),
    ("p50", "p50", "8.1f"),
    ("p95", "p95", "8.1f"),
    ("p99", "p99", "8.1f"),
    ("server_cpu", "srv ms", "8.2f"),
    ("database_cpu", "db ms", "8.2f"),
    ("generator_cpu", "load ms", "8.3f"),
)


def as_text(results: dict[str, Any]) -> str:
    """Return a line for each row: medians of the rounds, and ratios to both no-ops."""
    heads = "".join(f"{head:>8}" for _, head, _ in COLUMNS)
    lines = [f"{'row':<20}{heads}{'/bare':>7}{'/noop':>7}{'stmts':>7}{'buffers':>8}"]
    lines += [line_of(results, row) for row in results["samples"]]
    lines += [f"FAILED {name}: {reason}" for name, reason in results["failures"].items()]
    lines += [
        f"{name}: {results[name]}" for name in ("start", "memory", "bursts", "checks", "notes")
    ]
    return "\n".join(lines)


def line_of(results: dict[str, Any], row: str) -> str:
    """Return the line of one row; a figure that it does not have is a dash."""
    samples, probe = results["samples"], results["probes"].get(row)
    cells = []
    for name, _, form in COLUMNS:
        found = of_row(samples, row, name)
        cells.append(format(found.median, form) if found else f"{'-':>8}")
    for base in ("bare", "noop"):
        found = ratio(samples, row, base)
        cells.append(f"{found.median:7.3f}" if found else f"{'-':>7}")
    cells.append(f"{probe['statements']:7.1f}{probe['buffers']:8.1f}" if probe else "")
    return f"{row:<20}{''.join(cells)}"
