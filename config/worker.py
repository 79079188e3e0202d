"""A gunicorn worker whose threads never wait for a client, and that ends without cutting one off.

The loop of the worker's main thread reads each request whole, hands it to a thread, and sends what
the client does not take at once. Each of these has a deadline (SECONDS).
"""

import errno
import select
import selectors
import socket
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from config.backlog import LONGEST_WAIT, Backlog, is_probe
from config.connections import (
    END_OF_HEAD,
    ClientSocket,
    Connection,
    Recorder,
    RequestBuffer,
)
from config.refusals import refusal
from config.sign_ins import SignIns

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
# How long a client may take. `head`: for the whole head; `body`: for the whole body after it;
# `answer`: to take the whole answer; `close`: to close after an answer that ends the connection;
# `rest`: the same, for a client that is still sending a body that is too large.
SECONDS = {"head": 10, "body": 30, "answer": 60, "close": 2, "rest": 30}
STEP = 64 * 1024  # bytes read at once
MAX_DISCARDED = 16 * 1024 * 1024  # bytes of a body that is too large
MAX_HELD = 64 * 1024 * 1024  # bytes of all connections that wait
CHECKED_EVERY = 0.25  # seconds
REFUSED_AT_ONCE = 32  # connections
NO_CONNECTION = (errno.EAGAIN, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE)


class Worker(ThreadWorker):
    """gunicorn's ThreadWorker, which waits for slow clients in its loop rather than in a thread.

    gunicorn's own parses the head and reads the body in a thread of the pool: as many slow clients
    as there are threads stop the server. It also keeps the port open while it shuts down, but
    accepts no more: connections that arrive meanwhile are reset unanswered. This worker accepts
    those first and closes the port at once, so that later clients are refused and try another
    server.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting: dict[Connection, None] = {}  # connections that the loop watches
        self.held = 0  # bytes of these
        self.backlog = Backlog(self.cfg.threads)
        self.sign_ins = SignIns()
        self.checked_at = 0.0

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse TLS: this worker speaks plain HTTP with the proxy that ends it."""
        if cfg.is_ssl:
            raise RuntimeError("config.worker.Worker speaks no TLS: let the proxy in front end it.")

    # --- Accepting --------------------------------------------------------------------------------

    def set_accept_enabled(self, enabled: bool) -> None:
        """Start or stop accepting; close the port if the worker is shutting down."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                self._close(listener)

    def _close(self, listener: socket.socket) -> None:
        while select.select([listener], [], [], 0)[0]:
            self.accept(listener)
        listener.close()

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, or many where the backlog is full.

        Else each worker takes one at a time, so that all workers get some. Those that are to be
        refused must not wait for it in the queue of the port.
        """
        many = REFUSED_AT_ONCE if self.backlog.is_full else 1
        while many and self._accept(listener):
            many -= 1

    def _accept(self, listener: socket.socket) -> bool:
        """Accept a connection; of too many, the one with the least time left makes room."""
        try:
            client_socket, client = listener.accept()
        except OSError as error:
            if error.errno not in NO_CONNECTION:
                raise
            return False
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections and self.waiting:
            self.drop(min(self.waiting, key=lambda conn: conn.deadline))
        conn = Connection(self.cfg, client_socket, client, listener.getsockname())
        self.await_request(conn, "head")
        return self.nr_conns < self.worker_connections

    # --- Reading ----------------------------------------------------------------------------------

    def await_request(self, conn: Connection, stage: str, data: bytes = b"") -> None:
        """Wait for a request, of which `data` has arrived with the one before."""
        self._enter(conn, stage)
        if data:
            self._take(conn, data)
        else:
            self.receive(conn)

    def receive(self, conn: Connection) -> None:
        """Read what has arrived of a request."""
        try:
            data = conn.socket.recv(STEP)
        except BlockingIOError:
            self.watch(conn, READ, self.receive)
        except OSError:
            self.drop(conn)
        else:
            if data:
                self._take(conn, data)
            else:
                self.drop(conn)

    def _take(self, conn: Connection, data: bytes) -> None:
        """Hand the request to a thread if it is complete with this data; else wait for the rest."""
        request = conn.request
        if self.backlog.is_full and not request.data and END_OF_HEAD.search(data):
            request.data += data  # unparsed: to parse it costs more than to refuse it
            if not self.backlog.admits(request.line):
                self.refuse(conn, HTTPStatus.SERVICE_UNAVAILABLE)
                return
            request.data.clear()
        request.feed(data)
        if request.is_complete and not self._admits(request):
            self.refuse(conn, HTTPStatus.SERVICE_UNAVAILABLE)
        elif request.is_complete:
            self.unwatch(conn)
            conn.sock.request_line, conn.sock.is_answered = request.line, False
            conn.parser, conn.excess = request.parser(), request.excess
            conn.hashes_password = request.hashes_password
            conn.clear_request()
            self.enqueue_req(conn)
        elif request.is_head_too_long:
            self.refuse(conn, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            self._await_rest(conn)

    def _admits(self, request: RequestBuffer) -> bool:
        """Whether the request may wait for a thread, and for its turn if it hashes a password."""
        if self.sign_ins.is_full and request.hashes_password:
            self.backlog.refused += 1
            return False
        return self.backlog.admits(request.line)

    def _await_rest(self, conn: Connection) -> None:
        stage = "body" if conn.request.has_head else "head"
        if conn.stage != stage:
            self._enter(conn, stage)
        if conn.request.awaits_continue:
            conn.request.awaits_continue = False
            conn.sock.unsent += b"HTTP/1.1 100 Continue\r\n\r\n"
        try:
            conn.sock.flush()
        except OSError:
            self.drop(conn)
        else:
            self.watch(conn, READ, self.receive)

    def enqueue_req(self, conn: Connection) -> None:
        """Hand the request to a thread; one that hashes a password may have to wait for others."""
        if not conn.hashes_password or self.sign_ins.admit(conn, monotonic()):
            self.queue(conn)

    def queue(self, conn: Connection) -> None:
        """Hand the request to the next free thread. From now on it counts in the backlog."""
        conn.queued_at, conn.is_late = monotonic(), False
        self.backlog.begin()
        super().enqueue_req(conn)

    # --- Answering --------------------------------------------------------------------------------

    def handle(self, conn: Connection) -> Any:
        """Answer the request, in a thread; refuse one that has waited too long for a thread.

        Its client may have given up, and those behind it wait as long.
        """
        line = conn.sock.request_line
        conn.is_late = monotonic() - conn.queued_at > LONGEST_WAIT and not is_probe(line)
        if not conn.is_late:
            return super().handle(conn)
        conn.sock.sendall(refusal(HTTPStatus.SERVICE_UNAVAILABLE, line))
        return False

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """Answer the request, in a thread. The application gets no body that is too large."""
        req._expected_100_continue = False  # the loop has asked for the body, or wants none
        if conn.excess:
            framing = ("TRANSFER-ENCODING", "CONTENT-LENGTH")
            req.headers = [(name, value) for name, value in req.headers if name not in framing]
            req.headers.append(("CONTENT-LENGTH", str(conn.excess)))
            req.force_close()
        return super().handle_request(req, conn)

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """Send what the client has not yet taken of the answer that a thread has made."""
        self.backlog.end(monotonic(), not conn.is_late)
        self.backlog.refused += conn.is_late
        if following := self.sign_ins.end(conn, monotonic()):
            self.queue(following)
        conn.keeps_alive = not fs.cancelled() and not fs.exception() and bool(fs.result())
        self._enter(conn, "answer")
        self.send(conn)

    def handle_error(self, req: Any, client: ClientSocket, addr: Any, exc: Exception) -> None:
        """Log an error as gunicorn does; answer it, in a thread, as `refuse` does.

        gunicorn's own answer is a page, which quotes what the client sent. A fault in a body that
        the view does not read is found after the answer.
        """
        answer = Recorder()
        super().handle_error(req, answer, addr, exc)
        if not client.is_answered:
            client.sendall(refusal(answer.status, client.request_line))

    def refuse(self, conn: Connection, status: HTTPStatus, line: bytes | None = None) -> None:
        """Answer a request that never reaches the application, and end the connection.

        `line`: its request line, if it is no longer the one that arrives.
        """
        conn.sock.unsent += refusal(status, conn.request.line if line is None else line)
        conn.keeps_alive = False
        conn.clear_request()
        self._enter(conn, "answer")
        self.send(conn)

    def send(self, conn: Connection) -> None:
        """Send the rest of an answer; then wait for the next request, or end the connection."""
        try:
            conn.sock.flush()
        except OSError:
            self.drop(conn)
            return
        if conn.sock.unsent:
            self.watch(conn, WRITE, self.send)
        elif conn.keeps_alive:
            self.await_request(conn, "idle", conn.parser.unreader.take_buffered())
        else:
            self._end(conn)

    def _end(self, conn: Connection) -> None:
        try:
            conn.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(conn)
        else:
            self._enter(conn, "rest" if conn.excess else "close")
            self.discard(conn)

    def discard(self, conn: Connection) -> None:
        """Read and drop what the client still sends, until it closes.

        A client whose upload is cut off would not see the answer.
        """
        try:
            data = conn.socket.recv(STEP)
        except BlockingIOError:
            self.watch(conn, READ, self.discard)
        except OSError:
            self.drop(conn)
        else:
            conn.discarded += len(data)
            if data and conn.discarded <= MAX_DISCARDED:
                self.watch(conn, READ, self.discard)
            else:
                self.drop(conn)

    # --- Waiting ----------------------------------------------------------------------------------

    def _enter(self, conn: Connection, stage: str) -> None:
        conn.stage = stage
        conn.deadline = monotonic() + SECONDS.get(stage, self.cfg.keepalive)
        if stage == "idle" and not self.alive:
            conn.deadline = min(conn.deadline, monotonic() + SECONDS["close"])

    def watch(self, conn: Connection, event: int, step: Callable[[Connection], None]) -> None:
        """Let the loop call `step` when the socket is ready."""
        if conn not in self.waiting:
            self.poller.register(conn.socket, event, partial(self._proceed, conn))
            self.waiting[conn] = None
        elif conn.step != step:
            self.poller.modify(conn.socket, event, partial(self._proceed, conn))
        conn.step = step
        self.held += conn.held - conn.accounted
        conn.accounted = conn.held
        while self.held > MAX_HELD:
            self.drop(max(self.waiting, key=lambda each: each.accounted))

    def _proceed(self, conn: Connection, _: object) -> None:
        if conn in self.waiting:  # not dropped by an earlier event of the same round
            conn.step(conn)

    def unwatch(self, conn: Connection) -> None:
        """Take the connection from the loop."""
        if conn in self.waiting:
            del self.waiting[conn]
            self.poller.unregister(conn.socket)
            self.held -= conn.accounted
            conn.accounted = 0

    def drop(self, conn: Connection) -> None:
        """Close the connection."""
        self.unwatch(conn)
        self.nr_conns -= 1
        conn.socket.close()

    def murder_keepalived(self, force: bool = False) -> None:
        """Cut off the connections whose time is over; all that wait if the server ends (`force`).

        gunicorn's loop calls this in every round.
        """
        now = monotonic()
        if not force and now < self.checked_at + CHECKED_EVERY:
            return
        self.checked_at = now
        for conn in self.sign_ins.give_up(now):
            self.backlog.refused += 1
            self.refuse(conn, HTTPStatus.SERVICE_UNAVAILABLE, conn.sock.request_line)
        if refused := self.backlog.refused_since_logged(now):
            self.log.warning("Busy: refused %s requests with 503.", refused)
        for conn in [each for each in self.waiting if force or each.deadline <= now]:
            if conn in self.waiting:
                self._cut_off(conn, force)

    def _cut_off(self, conn: Connection, force: bool) -> None:
        """Close the connection; tell a client that has sent a part of a request why."""
        if conn.request.data and not force:
            self.refuse(conn, HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """Set this deadline for connections whose next request has not begun: the server ends."""
        for conn in self.waiting:
            if conn.stage in {"idle", "head"} and not conn.request.data:
                conn.deadline = min(conn.deadline, deadline)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for sockets; when the server ends, no longer than the next deadline."""
        if not self.alive and self.waiting:
            next_deadline = min(conn.deadline for conn in self.waiting)
            timeout = min(timeout, max(next_deadline - monotonic(), 0.0) + CHECKED_EVERY)
        super().wait_for_and_dispatch_events(timeout)
