"""The head of a request is parsed once, whatever the pieces in which the request arrives."""

from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser

from config import connections
from config.connections import RequestBuffer

pytestmark = pytest.mark.only_on("sqlite")  # no database has a part in this: once is enough

HEAD = b"POST /api/x/ HTTP/1.1\r\nHost: clinic\r\n"
SIZED = HEAD + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
NEXT = b"GET /healthz HTTP/1.1\r\n"


@pytest.mark.parametrize("sent", [SIZED, CHUNKED])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_request_in_pieces_is_parsed_once_and_read_whole(
    sent: bytes, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[Request] = []

    def parse(*arguments: Any) -> Request:
        parsed.append(Request(*arguments))
        return parsed[-1]

    monkeypatch.setattr(connections, "Request", parse)
    monkeypatch.setattr(RequestParser, "mesg_class", parse)
    buffer = RequestBuffer(Config(), ("127.0.0.1", 1), 1000)
    for start in range(0, len(sent), size):
        buffer.feed(sent[start : start + size])
    assert buffer.is_complete
    buffer.data += NEXT  # has arrived with the end of the body
    parser = buffer.parser()
    request = next(parser)
    assert (request.path, request.body.read()) == ("/api/x/", b"hello")
    assert parser.unreader.take_buffered() == NEXT
    assert parsed == [request]
