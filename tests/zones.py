"""Other zone data: what an update of tzdata, or a machine with files of its own, would bring."""

import re
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from config.time_zones import use_pinned_zones
from doctor.wall_time import zone_names

CONVERSION = re.compile(r"AT TIME ZONE|django_(date|time)")  # the latter: Django's on SQLite


def write_zones(folder: Path, **others: str) -> Path:
    """Write zone files whose names are in America, each with the data of another zone.

    `write_zones(folder, Vancouver="Etc/GMT+8")` writes America/Vancouver as eight hours behind UTC
    all year. Returns the folder.
    """
    for name, other in others.items():
        *path, leaf = other.split("/")
        data = resources.files(".".join(["tzdata", "zoneinfo", *path])).joinpath(leaf).read_bytes()
        file = folder / "America" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder


@contextmanager
def other_zones(folder: Path, **others: str) -> Iterator[None]:
    """Let Python read these zones, as `write_zones` writes them, in the block."""
    zoneinfo.reset_tzpath(to=[str(write_zones(folder, **others))])
    zoneinfo.ZoneInfo.clear_cache()
    try:
        yield
    finally:
        use_pinned_zones()


def watch_conversions(connection: Any, **kwargs: Any) -> None:
    """Fail each statement on this new connection that converts a wall time of a location."""
    if _refuse_conversion not in connection.execute_wrappers:
        connection.execute_wrappers.append(_refuse_conversion)


def _refuse_conversion(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
) -> Any:
    """Run a statement; raise AssertionError if it converts to or from another zone than UTC."""
    if CONVERSION.search(sql):
        zones = {value for value in params or () if isinstance(value, str)} & zone_names()
        assert zones <= {"UTC"}, f"SQL converts wall times of {zones}: {sql}"
    return execute(sql, params, many, context)
