"""Other zone data: what an update of tzdata, or a machine with files of its own, would bring."""

import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from config.time_zones import use_pinned_zones


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
