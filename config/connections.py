"""A client's connection, as the server's loop keeps it: what has arrived, what is to be sent."""

import re
import socket
from collections.abc import Callable
from typing import Any

from django.conf import settings
from gunicorn.http.body import ChunkedReader
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.gthread import TConn

from config.sign_ins import hashes_password
from config.uploads import longest_body

MAX_HEAD = 64 * 1024  # bytes of request line and headers
MAX_CHUNK_LINE = 8 * 1024  # bytes
END_OF_HEAD = re.compile(rb"\n\r?\n")  # gunicorn refuses the one without \r
CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(;.*)?", re.DOTALL)


class RequestBuffer:
    """The bytes of a request as they arrive.

    `is_complete`: a thread can answer it without waiting for the client. That is so once the body
    has arrived, and also for what is refused whatever follows: a head that gunicorn cannot parse,
    or a body of more than `max_body` bytes, of which `excess` is the length. `limit_of` returns
    another `max_body` for the path of the request.
    `is_head_too_long`: there are more than MAX_HEAD bytes and no end of the head.
    """

    def __init__(
        self,
        cfg: Any,
        client: Any,
        max_body: int,
        limit_of: Callable[[str], int] | None = None,
    ) -> None:
        self.cfg, self.client, self.max_body, self.limit_of = cfg, client, max_body, limit_of
        self.data = bytearray()
        self.is_complete = self.is_head_too_long = self.awaits_continue = False
        self.excess: int | None = None
        self._body: _SizedBody | _ChunkedBody | None = None
        self._parsed: tuple[Request, IterUnreader, int] | None = None

    @property
    def has_head(self) -> bool:
        """Whether the whole head has arrived."""
        return self._body is not None or self.is_complete

    @property
    def line(self) -> bytes:
        """The request line, as far as it has arrived."""
        return bytes(self.data[:MAX_HEAD]).lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")

    @property
    def hashes_password(self) -> bool:
        """Whether the request is one that config.sign_ins names."""
        if self._parsed is None:
            return False
        request = self._parsed[0]
        return hashes_password(request.method, request.path)

    def feed(self, data: bytes) -> None:
        """Add bytes that have arrived."""
        searched = max(0, len(self.data) - 3)
        self.data += data
        if not self.has_head:
            if END_OF_HEAD.search(self.data, searched):
                self._parse_head()
            self.is_head_too_long = not self.has_head and len(self.data) > MAX_HEAD
        if self._body and not self.is_complete:
            self.is_complete = self._body.has_ended(self.data)
            if self._body.length > self.max_body:
                self.is_complete, self.excess = True, self._body.length

    def parser(self) -> RequestParser:
        """Return gunicorn's parser of these bytes, which never waits for more."""
        if self._parsed is None:
            return RequestParser(self.cfg, [bytes(self.data)], self.client)
        request, unreader, length = self._parsed
        unreader.unread(unreader.take_buffered() + self.data[length:])  # what came after the head
        return _ParserOfParsed(self.cfg, self.client, request, unreader)

    def _parse_head(self) -> None:
        """Let gunicorn say how the body ends, so that both understand the head in the same way."""
        unreader = IterUnreader([bytes(self.data)])
        try:
            request = Request(self.cfg, unreader, self.client)
        except Exception:  # noqa: BLE001  (a thread parses it again and answers the error)
            self.is_complete = True
            return
        self.max_body = self.limit_of(request.path) if self.limit_of else self.max_body
        rest = unreader.take_buffered()
        unreader.unread(rest)
        self._parsed = request, unreader, len(self.data)
        start = len(self.data) - len(rest)
        reader = request.body.reader
        chunked = isinstance(reader, ChunkedReader)
        self._body = _ChunkedBody(start) if chunked else _SizedBody(start, reader.length)
        self.awaits_continue = request._expected_100_continue


class _ParserOfParsed(RequestParser):
    """gunicorn's parser, the head of whose first request is parsed already."""

    def __init__(self, cfg: Any, client: Any, request: Request, unreader: IterUnreader) -> None:
        super().__init__(cfg, [], client)
        self.unreader, self._first = unreader, request

    def __next__(self) -> Request:
        if self._first is None:
            return super().__next__()
        self.mesg, self._first = self._first, None
        self.req_count += 1
        return self.mesg


class _SizedBody:
    """A body with a Content-Length that begins at `start`."""

    def __init__(self, start: int, length: int) -> None:
        self.end, self.length = start + length, length

    def has_ended(self, data: bytearray) -> bool:
        return len(data) >= self.end


class _ChunkedBody:
    """A body in chunks; looks at each byte of their framing once.

    `length`: bytes of the chunks so far, or of their framing if that is more.
    """

    def __init__(self, start: int) -> None:
        self.start = self.next = start  # the next line: a chunk's size, or of the trailer
        self.size = 0
        self.is_in_trailer = False

    @property
    def length(self) -> int:
        return max(self.size, self.next - self.start - self.size)

    def has_ended(self, data: bytearray) -> bool:
        """Whether the body has ended, or is malformed, which gunicorn refuses."""
        while (end := data.find(b"\r\n", self.next)) >= 0:
            line, self.next = bytes(data[self.next : end]), end + 2
            if self.is_in_trailer and not line:
                return True
            if not self.is_in_trailer:
                size = CHUNK_SIZE.fullmatch(line)
                if not size:
                    return True
                self._skip(int(size[1], 16))
        return len(data) - self.next > MAX_CHUNK_LINE

    def _skip(self, size: int) -> None:
        self.is_in_trailer = not size
        self.size += size
        self.next += size + 2 if size else 0


class ClientSocket:
    """A socket as gunicorn's threads use it: what the client does not take now is sent later.

    `unsent` has that rest; the loop sends it. `request_line`: of the request that a thread answers;
    `is_answered`: the answer has begun.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.unsent = bytearray()
        self.request_line = b""
        self.is_answered = False

    def sendall(self, data: bytes) -> None:
        """Send the data as far as the client takes it, and keep the rest."""
        self.is_answered = True
        is_behind = bool(self.unsent)
        self.unsent += data
        if not is_behind:
            self.flush()

    def flush(self) -> None:
        """Send what the client takes now; raises OSError if the connection is broken."""
        while self.unsent:
            try:
                sent = self.socket.send(self.unsent)
            except BlockingIOError:
                return
            del self.unsent[:sent]

    # What else gunicorn calls. The loop alone reads from the client and closes the connection.

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def recv(self, size: int) -> bytes:
        return b""

    def gettimeout(self) -> float:
        return 0.0

    def settimeout(self, seconds: float | None) -> None:
        pass

    def setblocking(self, flag: bool) -> None:
        pass

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        pass


class Recorder:
    """A socket that keeps what gunicorn sends, so that something else can be sent instead."""

    def __init__(self) -> None:
        self.sent = bytearray()

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def gettimeout(self) -> float:
        return 0.0

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(self.sent.split(b" ", 2)[1])


class Connection(TConn):
    """gunicorn's connection; the worker's loop reads and writes it, and no thread waits for it.

    `stage`: what the server waits for; `deadline`: until when, on the monotonic clock.
    """

    sock: ClientSocket
    request: RequestBuffer
    stage = ""
    deadline = 0.0
    step: Any = None  # what the loop does when the socket is ready
    keeps_alive = False
    excess: int | None = None  # length of the body that is too large
    discarded = 0  # bytes
    accounted = 0  # bytes that the worker has counted as held
    queued_at = 0.0  # when the request was handed to the threads
    hashes_password = False  # the request takes turns with others that do
    is_late = False  # the request has waited too long for a thread

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.socket, self.sock = sock, ClientSocket(sock)
        self.initialized = self.data_ready = True  # or gunicorn would read from the socket
        self.clear_request()

    def clear_request(self) -> None:
        """Forget the request, which a thread now answers, and begin the next."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        self.request = RequestBuffer(self.cfg, self.client, limit, longest_body)

    @property
    def held(self) -> int:
        """Bytes that the connection holds in memory while it waits for the client."""
        return len(self.sock.unsent) + len(self.request.data)
