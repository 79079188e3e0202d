"""How a process of the server ends: everybody who has come in is served."""

import select
import socket

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):
    """gunicorn's, but no caller is left in the queue of the port when it shuts down.

    gunicorn keeps the port open while it finishes what it has begun, and takes no more calls from
    it: whoever came in meanwhile was cut off unheard. Here they are taken in first, and the port
    is closed at once, so that later ones are refused and go elsewhere.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or cease to take calls; for good, where the worker is told to end."""
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                self._close(listener)

    def _close(self, listener: socket.socket) -> None:
        while select.select([listener], [], [], 0)[0]:
            self.accept(listener)
        listener.close()
