"""Measure the product beside its yardsticks, in interleaved rounds of one run.

make bench                                              # docs/performance.json, .md and pictures
.venv/bin/python -m benchmarks --rows noop,slots --seconds 2 --rounds 3 --appointments 0
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import documents, generator, growth, report
from benchmarks.generator import Failed
from benchmarks.run import Plan, run

ROOT = Path(__file__).resolve().parent.parent
BEFORE = "d8aa6dc"  # what stood before the work on speed


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--rows", default="", help="names of rows, separated by commas; default all"
    )
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=2, help="of each row in each round")
    parser.add_argument(
        "--minutes", type=float, default=11, help="after which no round begins; 0 for no limit"
    )
    parser.add_argument("--appointments", type=int, default=500_000, help="visits of the seed")
    parser.add_argument("--against", default=BEFORE, help="revision that stood before; '' for none")
    parser.add_argument("--small", type=int, default=0, help="visits of a second, small database")
    parser.add_argument(
        "--requests", type=int, default=0, help="over which the memory is watched, at least"
    )
    parser.add_argument("--doctors", type=int, default=0, help="of the seed; by default its own")
    parser.add_argument("--audit-events", type=int, default=0, help="of each visit of the seed")
    parser.add_argument("--no-bursts", action="store_true", help="leave out races and sign-ins")
    parser.add_argument("--no-pages", action="store_true", help="leave out the pages of staff")
    parser.add_argument(
        "--databases",
        nargs=2,
        default=(),
        metavar=("SMALL", "LARGE"),
        help="URLs of two databases of seed_load on a PostgreSQL of this machine, to measure these",
    )
    parser.add_argument("--json", type=Path, default=ROOT / "var/bench/results.json")
    parser.add_argument("--from", dest="results", type=Path, help="publish these results only")
    parser.add_argument("--publish", action="store_true", help="write docs/performance.*")
    return parser.parse_args()


def main() -> int:
    """Run the bench, print the figures, and write them. Return the exit status."""
    asked = arguments()
    if asked.results:
        text = asked.results.read_text()
        publish(json.loads(text), text)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all servers are ended
    began = time.monotonic()
    try:
        generator.require_wrk()
        results = run(Plan.of(asked))
    except Failed as failed:
        print(f"The bench cannot go on: {failed}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped; all servers and folders of the bench are gone.", file=sys.stderr)
        return 130
    results["run"]["seconds"] = round(time.monotonic() - began)
    write(results, asked)
    print(report.as_text(results))
    return 1 if results["failures"] else 0


def write(results: dict[str, Any], asked: argparse.Namespace) -> None:
    """Write the results as JSON and, with --publish, the documents that are made of them."""
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, sort_keys=True) + "\n"
    asked.json.write_text(text)
    if asked.publish and not asked.rows:  # the page has all rows or stays as it is
        publish(results, text)


def publish(results: dict[str, Any], text: str) -> None:
    """Write docs/performance.json and the page, or of a run with --small the section on growth."""
    docs = ROOT / "docs"
    if "pages" in results:
        (docs / "performance-growth.json").write_text(text)
        page = docs / documents.PAGE
        page.write_text(documents.filled(page.read_text(), {"growth": growth.section(results)}))
    else:
        (docs / "performance.json").write_text(text)
        documents.publish(results, docs)


if __name__ == "__main__":
    sys.exit(main())
