"""HTTP clients of the real server: one of the API, and one that uses the admin like a browser."""

import json
import re
from contextlib import closing
from html import unescape
from http.client import HTTPConnection, HTTPResponse
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from tests.admin_client import AdminClient

MESSAGE = re.compile(r'<ul class="messagelist">(.*?)</ul>', re.DOTALL)
FAULT = re.compile(r'<ul class="errorlist[^"]*"[^>]*>(.*?)</ul>', re.DOTALL)


class HttpClient:
    """A client that opens a connection for each request, since the server closes idle ones."""

    def __init__(self, base: str) -> None:
        self._host = urlsplit(base).netloc

    def ask(self, *request: Any) -> tuple[HTTPResponse, bytes]:
        """Return the answer and its body."""
        with closing(HTTPConnection(self._host, timeout=120)) as connection:
            connection.request(*request)
            response = connection.getresponse()
            return response, response.read()


class ApiClient(HttpClient):
    """A client of the API."""

    def __call__(
        self, method: str, path: str, token: str = "", body: object = None
    ) -> tuple[int, Any]:
        """Return the status and the parsed JSON of the body, or None for an empty body."""
        headers = {"Authorization": f"Token {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        response, text = self.ask(method, f"/api/{path}", body and json.dumps(body), headers)
        return response.status, json.loads(text) if text else None


class Page:
    """A response to `Browser`, with the attributes of Django's that `AdminClient` reads."""

    def __init__(self, status: int, content: bytes, location: str) -> None:
        self.status_code, self.content, self.location = status, content, location

    def messages(self) -> str:
        """Return the messages at the top of the page, and the errors of its form."""
        html = self.content.decode()
        return unescape(" ".join(MESSAGE.findall(html) + FAULT.findall(html)))


class Browser(HttpClient):
    """A replacement of Django's test client that calls a real server: cookies, forms, redirects."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self._cookies: SimpleCookie = SimpleCookie()

    def get(self, path: str, query: dict[str, Any] | None = None) -> Page:
        """Open a page."""
        return self._ask("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, form: dict[str, Any], follow: bool = True) -> Page:
        """Send a form, and follow the redirect."""
        if "csrftoken" in self._cookies:
            form = {"csrfmiddlewaretoken": self._cookies["csrftoken"].value, **form}
        page = self._ask("POST", path, urlencode(form, doseq=True))
        while follow and page.status_code in {301, 302}:
            page = self._ask("GET", urljoin(path, page.location))
        return page

    def _ask(self, method: str, path: str, body: str | None = None) -> Page:
        headers = {"Cookie": self._cookies.output([], header="", sep=";")}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        response, content = self.ask(method, path, body, headers)
        for line in response.headers.get_all("Set-Cookie", []):
            self._cookies.load(line)
        return Page(response.status, content, response.headers.get("Location", ""))


class HttpAdminClient(AdminClient):
    """A browser that has signed in to the admin of the server with a password."""

    client: Any

    def __init__(self, base: str, email: str, password: str) -> None:
        self.client = Browser(base)
        path = "/admin/login/?next=/admin/"
        login = self.open(path)
        page = self.send(path, login, username=email, password=password)
        assert page.status_code == 200, page.content
        assert b"logout-form" in page.content, page.content
