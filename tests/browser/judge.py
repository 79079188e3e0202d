"""What every page must be: accessible, and no wider than the screen."""

from functools import cache
from pathlib import Path

from playwright.sync_api import Page

FILE = Path(__file__).with_name("axe.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]  # WCAG 2.2, level AA
SERIOUS = {"serious", "critical"}
# `evaluate` is not bound by the Content-Security-Policy of the page.
RUN = "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations'], preload: false})"
WIDER = "() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


@cache
def axe() -> str:
    """Return the script of axe-core."""
    return FILE.read_text()


def violations(page: Page) -> list[str]:
    """Return the serious and critical violations of WCAG 2.2 AA that axe-core finds, a line each.

    A line has the rule, what it asks for, and the elements that break it with what axe says.
    """
    page.evaluate(axe())
    found = page.evaluate(RUN, RULES)["violations"]
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]} | {node['failureSummary']}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def assert_accessible(page: Page) -> None:
    """Assert that axe-core finds no serious or critical violation of WCAG 2.2 AA on the page."""
    found = violations(page)
    assert not found, page.url + "\n" + "\n".join(found)


def assert_fits(page: Page) -> None:
    """Assert that the page does not scroll sideways. A wide table scrolls in a box of its own."""
    assert page.evaluate(WIDER) <= 0, f"{page.url} is wider than the screen"
