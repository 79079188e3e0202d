"""`make audit`: what is installed is what is locked, and nothing that is known to be vulnerable.

The advisories come over the network, within a bounded time. Where they are out of reach this says
so and checks what can be checked without; a vulnerability that is found is always a failure. (Where
the index knows no advisories pip-audit skips every package and calls that clean: here it is not.)
"""

import json
import os
import subprocess  # nosec B404  # to run pip-audit, pip and git with fixed words
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import distributions
from typing import Any

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from tools.lock import ROOT, Locked, check, locked

SECONDS = float(os.environ.get("AUDIT_SECONDS") or 20)
STALE = 45  # days
# They come with Python, into every virtual environment; nothing of ours imports them.
SEEDS = {"pip", "setuptools", "wheel"}
COMMAND = (
    sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip",
    "--format=json", "--progress-spinner=off", "--timeout=5", "--requirement",
)  # fmt: skip


@dataclass
class Verdict:
    """What the advisories say: of how many packages, and of which nothing."""

    vulnerable: list[str]
    asked: int = 0
    unknown: list[str] | None = None

    @property
    def out_of_reach(self) -> bool:
        """Whether nothing was learned of any package."""
        return self.unknown is None or len(self.unknown) == self.asked


def versions() -> dict[str, str]:
    """What is installed beside this Python, by normal names."""
    return {canonicalize_name(one.metadata["Name"]): one.version for one in distributions()}


def strangers(installed: dict[str, str], lock: dict[str, Locked]) -> list[str]:
    """Where the two differ: other versions, what is missing, what nobody locked."""
    wanted = {name: one.version for name, one in lock.items() if applies(one.marker)}
    differing = [
        f"{name} is {installed.get(name, 'missing')}, locked is {version}"
        for name, version in wanted.items()
        if installed.get(name) != version
    ]
    return differing + [
        f"{name} {installed[name]} is installed and not locked"
        for name in sorted(installed.keys() - lock.keys() - SEEDS)
    ]


def applies(marker: str) -> bool:
    """Whether a package is for this Python and platform."""
    return not marker or Marker(marker).evaluate()


def conflicts() -> list[str]:
    """What `pip check` has against the installed packages together."""
    command = [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"]
    done = subprocess.run(  # nosec B603  # fixed words
        command, capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines() if done.returncode else []


def advisories(lock: str, command: Iterable[str] = COMMAND, seconds: float = SECONDS) -> Verdict:
    """Ask for known vulnerabilities of a lock, for so many seconds at most."""
    try:
        done = subprocess.run(  # nosec B603  # fixed words and a name of ours
            [*command, lock], cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
        )
        return judge(json.loads(done.stdout)["dependencies"])
    except (subprocess.TimeoutExpired, ValueError):  # ended, or no report: it could not connect
        return Verdict([])


def judge(packages: list[dict[str, Any]]) -> Verdict:
    """What pip-audit's report says."""
    return Verdict(
        vulnerable=[
            f"{one['name']} {one['version']}: {flaw['id']}, mended in "
            f"{', '.join(flaw['fix_versions']) or 'no release'}"
            for one in packages
            for flaw in one.get("vulns", ())
        ],
        asked=len(packages),
        unknown=[one["name"] for one in packages if "skip_reason" in one],
    )


def age(today: date) -> str:
    """How old the locks are, by the project's history; some advice when that is long."""
    command = ["git", "log", "-1", "--format=%cs", "--", "requirements.txt", "requirements-dev.txt"]
    try:
        done = subprocess.run(  # nosec B603  # fixed words
            command, cwd=ROOT, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return "The age of the lock is unknown: git is not installed."
    if done.returncode or not done.stdout.strip():
        return "The age of the lock is unknown: there is no history here."
    days = (today - date.fromisoformat(done.stdout.strip())).days
    advice = ": time for `make lock ARGS=--upgrade`" if days > STALE else ""
    return f"The lock is {days} days old{advice}."


def told(verdict: Verdict) -> str:
    """What the advisories said, so that silence is never taken for good news."""
    if verdict.out_of_reach:
        return "ADVISORIES OUT OF REACH: NOT AUDITED ONLINE. Only pins, hashes and conflicts were."
    silent = f", nothing of {', '.join(verdict.unknown)}" if verdict.unknown else ""
    return f"Advisories asked of {verdict.asked} packages{silent}: {len(verdict.vulnerable)} found."


def online() -> Verdict:
    """Of what runs, then of everything, as far as the advisories can be reached."""
    runtime = advisories("requirements.txt")
    everything = Verdict([]) if runtime.out_of_reach else advisories("requirements-dev.txt")
    return runtime if everything.out_of_reach else everything


def main() -> int:
    """Check without a network, then with one; 1 where anything is wrong."""
    lock = locked((ROOT / "requirements-dev.txt").read_text())
    wrong = check() + strangers(versions(), lock) + conflicts()
    verdict = online()
    print(f"{len(lock)} locked packages, compared with what is installed: {len(wrong)} differ.")
    print(age(datetime.now(UTC).date()))
    print(told(verdict))
    print("\n".join(wrong + verdict.vulnerable), end="\n" if wrong or verdict.vulnerable else "")
    return bool(wrong or verdict.vulnerable)


if __name__ == "__main__":
    sys.exit(main())
