"""A watch over everything that goes wrong in a browser."""

import re
from weakref import WeakKeyDictionary

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

# The browser itself ends a request when its page is left, and when its answer becomes a file.
ENDED_BY_BROWSER = "net::ERR_ABORTED"
_watches: "WeakKeyDictionary[BrowserContext, Watch]" = WeakKeyDictionary()


class Watch:
    """The faults of all pages of a context, in `faults`; `allow` names those that a test expects.

    A fault is a message of the console that is an error or a warning (breaches of the
    Content-Security-Policy are), an uncaught exception, a failed request, a request to another
    host, and an answer with a status of 500 or more.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.faults: list[str] = []
        self._allowed: list[str] = []
        self._url = url
        _watches[context] = self
        context.on("console", self._console)
        context.on("weberror", lambda error: self._fault(f"exception: {error.error}"))
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def allow(self, pattern: str) -> None:
        """Accept each fault that this regular expression finds, for example `status of 409`."""
        self._allowed.append(pattern)

    def _fault(self, fault: str) -> None:
        if not any(re.search(pattern, fault) for pattern in self._allowed):
            self.faults.append(fault)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            place = message.location.get("url", "")
            self._fault(f"console {message.type}: {message.text} ({place})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self._url}/", "data:", "blob:", "about:")):
            self._fault(f"request to another host: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != ENDED_BY_BROWSER:
            self._fault(f"failed request: {request.method} {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self._fault(f"status {response.status}: {response.request.method} {response.url}")


def watch_of(page: Page) -> Watch:
    """Return the watch over the context of this page, which the fixture `visit` has opened."""
    return _watches[page.context]
