"""Pictures of pages: artifacts of a run, in var/pictures/ or in the folder that PICTURES names."""

import os
import re
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent.parent


def folder() -> Path:
    """Return the folder of this run's pictures."""
    return Path(os.environ.get("PICTURES", "").strip() or ROOT / "var" / "pictures")


def picture(page: Page, name: str) -> Path:
    """Save what the screen shows as <name>.png, and return the file."""
    file = folder() / (re.sub(r"[^\w.-]+", "-", name).strip("-") + ".png")
    page.screenshot(path=file)
    return file
