"""The HTTP channel hands messages to a provider, and tells its refusals from its outages."""

import json
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import time_machine

from accounts.channels import NotSent, Trouble
from accounts.channels.http import HttpChannel
from accounts.messages import SMS, Message

MESSAGE = Message(SMS, "+34600111222", "Your visit", "on Monday", key="k3y")


class Provider(ThreadingHTTPServer):
    """Answers the calls with what the test has set, and keeps what it was told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Call)
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.calls: list[tuple[str, Any, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/send?from=clinic"


class Call(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((self.path, self.headers, json.loads(body)))
        status, headers, text = self.server.answers.pop(0)
        if status:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_the_provider_gets_the_message_once_and_its_id_is_the_receipt(provider: Provider) -> None:
    provider.answers = [(201, {}, b'{"id": 17}')]
    assert HttpChannel(provider.url, "s3cret").send(MESSAGE) == "17"
    [(path, headers, body)] = provider.calls
    assert path == "/send?from=clinic"
    assert headers["Authorization"] == "Bearer s3cret"
    assert body == {
        "to": "+34600111222", "title": "Your visit", "text": "on Monday",
        "key": headers["Idempotency-Key"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b"taken", b"\xff", b'{"id": null}', b"[" * 50_000]
)
def test_an_answer_without_an_id_is_a_success_too(provider: Provider, text: bytes) -> None:
    provider.answers = [(200, {}, text)]
    assert HttpChannel(provider.url).send(MESSAGE) == ""


@pytest.mark.parametrize(
    ("status", "headers", "trouble", "wait"),
    [
        (400, {}, Trouble.REFUSED, 0),
        (422, {}, Trouble.REFUSED, 0),
        (408, {}, Trouble.POSTPONED, 0),
        (401, {}, Trouble.SERVER_AWAY, 0),
        (302, {"Location": "/other"}, Trouble.SERVER_AWAY, 0),
        (429, {"Retry-After": "120"}, Trouble.SERVER_AWAY, 120),
        (429, {"Retry-After": "Mon, 02 Mar 2026 09:00:30 GMT"}, Trouble.SERVER_AWAY, 30),
        (429, {"Retry-After": "9" * 30}, Trouble.SERVER_AWAY, 3600),
        (429, {"Retry-After": "soon"}, Trouble.SERVER_AWAY, 0),
        (503, {"Retry-After": "Mon, 02 Mar 99999999999 09:00:00 GMT"}, Trouble.MAYBE_AWAY, 0),
        (503, {}, Trouble.MAYBE_AWAY, 0),
        (0, {}, Trouble.MAYBE_AWAY, 0),  # the provider hangs up
    ],
)
@time_machine.travel("2026-03-02T09:00:00Z", tick=False)
def test_an_answer_tells_a_refusal_from_an_outage(
    provider: Provider, status: int, headers: Any, trouble: Trouble, wait: float
) -> None:
    provider.answers = [(status, headers, b"+34600111222 is no good")]
    with pytest.raises(NotSent) as failure:
        HttpChannel(provider.url).send(MESSAGE)
    assert (failure.value.trouble, failure.value.wait) == (trouble, wait)
    assert "600111222" not in str(failure.value)
    assert len(provider.calls) == 1, "a redirect was followed, or a call repeated"


def test_an_answer_that_breaks_off_after_its_status_is_a_yes_too(provider: Provider) -> None:
    provider.answers = [(200, {"Transfer-Encoding": "chunked"}, b"no chunk\r\n")]
    assert HttpChannel(provider.url).send(MESSAGE) == ""


@pytest.mark.parametrize("key", ["s3cret\nkey", "s3cret€"])
def test_a_key_that_no_header_takes_is_no_fault_of_the_message(
    provider: Provider, key: str
) -> None:
    with pytest.raises(NotSent) as failure:
        HttpChannel(provider.url, key).send(MESSAGE)
    assert failure.value.trouble is Trouble.SERVER_AWAY
    assert "s3cret" not in "".join(traceback.format_exception(failure.value))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://127.0.0.1:port/"])
def test_a_provider_that_cannot_be_reached_is_away(url: str) -> None:
    with pytest.raises(NotSent) as failure:
        HttpChannel(url).send(MESSAGE)
    assert failure.value.trouble is Trouble.SERVER_AWAY


def test_a_message_goes_to_each_device_and_is_sent_if_one_takes_it(provider: Provider) -> None:
    both = Message(SMS, "first", "Title", "text", also_to=("second",), key="k3y")
    provider.answers = [(200, {}, b'{"id": "a"}'), (200, {}, b'{"id": "b"}')] * 2
    assert [HttpChannel(provider.url).send(both) for _ in range(2)] == ["a b"] * 2
    keys = [headers["Idempotency-Key"] for _, headers, _ in provider.calls]
    assert keys[:2] == keys[2:], "the same at each try"
    assert keys[0] != keys[1], "a provider takes one call for each key"
    gone: Any = (410, {}, b"")
    provider.answers = [gone, (200, {}, b'{"id": "b"}')]
    assert HttpChannel(provider.url).send(both) == "b"
    provider.answers = [gone, gone]
    with pytest.raises(NotSent, match="HTTP 410, given up"):
        HttpChannel(provider.url).send(both)
