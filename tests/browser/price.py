"""What a task costs a person: clicks, and pages that load. Typing is free."""

from typing import Any
from weakref import WeakKeyDictionary

from playwright.sync_api import BrowserContext, Page

# A press of a pointer is a click; a key that presses a button is typing. (The event `click` comes
# twice for a label.) Playwright chooses an option without the two clicks that a person makes, so
# its change of a <select> counts as two.
COUNTER = """
addEventListener("pointerdown", (event) => {
    if (event.isTrusted) countedClicks(1);
}, true);
addEventListener("change", (event) => {
    if (!event.isTrusted && event.target.localName === "select") countedClicks(2);
}, true);
"""
_counts: "WeakKeyDictionary[BrowserContext, dict[str, int]]" = WeakKeyDictionary()


class Price:
    """The clicks and the pages in all tabs of a context since this object was made.

        price = Price(page)
        ...                                       # the task
        assert (price.clicks, price.pages) == (3, 1)

    A page is a document that the browser loads in a tab. A file that it downloads is none, and
    neither is a part of a page that htmx replaces.
    """

    def __init__(self, page: Page) -> None:
        self._context, self._counts = page.context, _counts[page.context]
        self._began = dict(self._counts)

    @property
    def clicks(self) -> int:
        """Return the clicks since the beginning."""
        return self._counts["clicks"] - self._began["clicks"]

    @property
    def pages(self) -> int:
        """Return the pages that were loaded since the beginning.

        First wait for what shows that the task is done: a page on its way is not yet counted.
        """
        for page in self._context.pages:
            page.wait_for_load_state("domcontentloaded")
        return self._counts["pages"] - self._began["pages"]


def count(context: BrowserContext) -> None:
    """Count the clicks and pages of this context. Call it before its first page opens."""
    counts = _counts[context] = {"clicks": 0, "pages": 0}

    def add_clicks(number: int) -> None:
        counts["clicks"] += number

    def add_page(*_: Any) -> None:
        counts["pages"] += 1

    context.expose_function("countedClicks", add_clicks)
    context.add_init_script(COUNTER)
    context.on("page", lambda page: page.on("domcontentloaded", add_page))
