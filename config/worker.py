"""A gunicorn worker that answers every accepted connection before it ends."""

import select
import socket

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):
    """gunicorn's ThreadWorker, which empties the port's queue of connections when it shuts down.

    gunicorn's own keeps the port open while it finishes its calls, but accepts no more: connections
    that arrive meanwhile are reset unanswered. This worker accepts those first and closes the port
    at once, so that later clients are refused and try another server.
    """

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
