"""One source of time zones: the package `tzdata`, in the version that the requirements pin.

Python's `zoneinfo` prefers the files of the machine, or those that PYTHONTZPATH names, to the
package. Two servers would then show one session at two times, and an update of the machine would
move visits without a word. `config/__init__.py` calls `use_pinned_zones`, so that it runs before
the settings and before any code that makes a ZoneInfo.
"""

import zoneinfo


def use_pinned_zones() -> None:
    """Let `zoneinfo` read no other files than those of the package `tzdata`."""
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()


def other_sources() -> tuple[str, ...]:
    """Return the folders that `zoneinfo` reads before the package; there should be none."""
    return tuple(zoneinfo.TZPATH)
