"""Python reads time zones from the package tzdata alone, whatever the machine holds."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.checks import run_checks

from config.checks import OTHER_ZONES
from tests.zones import other_zones, write_zones

ROOT = Path(__file__).resolve().parent.parent
WINTER = datetime(2027, 1, 5, 17, tzinfo=UTC)
# What each process of the project does first: gunicorn, manage.py, and a test.
STARTS = (
    "import config.wsgi",
    "from config import environment; import django; django.setup()",
    "from zoneinfo import ZoneInfo; ZoneInfo('America/Vancouver'); import config.settings",
)


def pinned(name: str) -> ZoneInfo:
    """Read a zone from the package itself."""
    *path, leaf = name.split("/")
    folder = resources.files(".".join(["tzdata", "zoneinfo", *path]))
    with folder.joinpath(leaf).open("rb") as file:
        return ZoneInfo.from_file(file)


def test_this_process_reads_the_pinned_zones() -> None:
    for name in ("America/Vancouver", "Europe/Madrid", "Africa/Casablanca"):
        offsets = {WINTER.astimezone(zone).utcoffset() for zone in (ZoneInfo(name), pinned(name))}
        assert len(offsets) == 1


@pytest.mark.parametrize("start", STARTS)
def test_neither_the_machine_nor_its_environment_chooses_the_zones(
    start: str, tmp_path: Path
) -> None:
    files = write_zones(tmp_path, Vancouver="Asia/Tokyo")
    script = f"""{start}
from datetime import UTC, datetime
from zoneinfo import ZoneInfo
print(datetime(2027, 1, 5, 17, tzinfo=UTC).astimezone(ZoneInfo("America/Vancouver")).isoformat())"""
    environ = {**os.environ, "PYTHONTZPATH": str(files), "CACHE_URL": "locmemcache://"}
    environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": "sqlite://:memory:"}
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == WINTER.astimezone(pinned("America/Vancouver")).isoformat()


def test_the_check_warns_of_other_zone_data(tmp_path: Path) -> None:
    assert OTHER_ZONES not in run_checks()
    with other_zones(tmp_path, Vancouver="Asia/Tokyo"):
        assert OTHER_ZONES in run_checks()
