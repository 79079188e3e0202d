"""`make audit`: the known vulnerabilities of the locked packages, by pip-audit.

pip-audit alone is not enough for two reasons. If the index knows no advisories, pip-audit skips
every package and reports no fault. If the network is closed, it may wait for minutes. This tool
asks within a bounded time and names the packages without an answer. A vulnerability is a failure.
"""

import json
import os
import subprocess  # nosec B404  # to run pip-audit with fixed words
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS = float(os.environ.get("AUDIT_SECONDS") or 20)
COMMAND = (
    sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip",
    "--format=json", "--progress-spinner=off", "--timeout=5",
    "--requirement=requirements-dev.txt",
)  # fmt: skip


@dataclass
class Report:
    """Vulnerabilities as lines, the number of packages, and the packages without an answer."""

    vulnerabilities: list[str]
    asked: int = 0
    unanswered: tuple[str, ...] = ()

    def __str__(self) -> str:
        if len(self.unanswered) == self.asked:
            return "ADVISORIES OUT OF REACH: NOT AUDITED ONLINE."
        silent = f", no answer on {', '.join(self.unanswered)}" if self.unanswered else ""
        found = f"Audited {self.asked} packages{silent}: {len(self.vulnerabilities)} vulnerable."
        return "\n".join([found, *self.vulnerabilities])


def audit(command: Sequence[str] = COMMAND, seconds: float = SECONDS) -> Report:
    """Run pip-audit for this many seconds at most. Return an empty Report if it fails."""
    try:
        done = subprocess.run(  # nosec B603  # fixed words
            command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
        )
        return read(json.loads(done.stdout)["dependencies"])
    except (subprocess.TimeoutExpired, ValueError):  # it was stopped, or could not connect
        return Report([])


def read(packages: list[dict[str, Any]]) -> Report:
    """Return the Report of the `dependencies` in pip-audit's JSON."""
    return Report(
        vulnerabilities=[
            f"{package['name']} {package['version']}: {found['id']}, fixed in "
            f"{', '.join(found['fix_versions']) or 'no release'}"
            for package in packages
            for found in package.get("vulns", ())
        ],
        asked=len(packages),
        unanswered=tuple(package["name"] for package in packages if "skip_reason" in package),
    )


def main() -> int:
    """Print the report, and return 1 if a package is vulnerable."""
    report = audit()
    print(report)
    return bool(report.vulnerabilities)


if __name__ == "__main__":
    sys.exit(main())
