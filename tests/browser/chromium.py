"""The Chromium of this machine, which the tests drive.

`python -m tests.browser.chromium` says loudly if there is none, and else prints nothing.
"""

import os
import shutil
import sys

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "NO BROWSER: the tests in tests/browser did not run, since no Chromium was found. "
    "Install it (Debian: apt install chromium), or name it by the variable CHROMIUM."
)
# The browser asks no other machine for anything, neither for a page nor on its own account.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def path() -> str | None:
    """Return the path of the browser: CHROMIUM's, or else the first on the path; None if absent."""
    named = os.environ.get("CHROMIUM", "").strip()
    return next(filter(None, map(shutil.which, [named] if named else NAMES)), None)


def path_or_end() -> str:
    """Return the path of the browser. Without one skip the test; under BROWSER=required fail it."""
    found = path()
    if found is None and os.environ.get("BROWSER") == "required":
        pytest.fail(f"BROWSER=required. {MISSING}", pytrace=False)
    return found or pytest.skip(MISSING)


def main() -> None:
    """Print the notice if no browser was found."""
    if path() is None:
        sys.stdout.write(f"!!! {MISSING}\n")


if __name__ == "__main__":
    main()
