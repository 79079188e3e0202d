"""How gunicorn serves the clinic, for `manage.py serve` and for production (docs/operations.md).

An option on gunicorn's command line (`--bind 127.0.0.1:9000`) overrides this file.
"""

import gc
import logging
import signal
import sys
from typing import Any

from django.db import connections
from django.urls import get_resolver

from config import environment
from config.log import RequestTextFilter, SecretPathFilter

demo = environment.is_demo()
environment.restrict_new_files()

bind = f"127.0.0.1:{environment.number('PORT', 8000)}"
worker_class = "config.worker.Worker"
workers = environment.number("WEB_CONCURRENCY", 2)
threads = 16
preload_app = True  # the code is loaded once, and a server that cannot load it never listens
control_socket_disable = True  # gunicorn 27 shares one socket among all servers of a user
graceful_timeout = 25  # seconds, more than a call may wait for the database
keepalive = 5
worker_connections = 800  # of each worker; a process may usually open 1,024 files
sendfile = False  # a thread would wait for the client; config.worker sends what it does not take
limit_request_line = 8190
secure_scheme_headers: dict[str, str] = {}  # NUM_PROXIES says which proxies to trust
forwarder_headers = ""  # no header of a client may rewrite the path
loglevel = "warning" if demo else "info"
# For an access log (`--access-logfile -`): without query, referer and headers, since the admin's
# searches are names of patients.
access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(b)s %(M)sms'
logging.getLogger("gunicorn.error").addFilter(RequestTextFilter())
for name in ("gunicorn.error", "gunicorn.access"):
    logging.getLogger(name).addFilter(SecretPathFilter())


def on_starting(server: Any) -> None:
    """Refuse to start where calls would end in a 500; the code is loaded, no port is open yet."""
    from config import health  # noqa: PLC0415  (Django is set up only now)

    reason = health.reason_to_refuse()
    connections.close_all()
    if reason:
        sys.exit(reason)


def when_ready(server: Any) -> None:
    """Load what a first request would load, before the workers fork; a demo prints its links."""
    from config import document_view, health, pages  # noqa: PLC0415  (Django is set up only now)

    get_resolver().url_patterns  # noqa: B018  (a lazy property: reading it imports the URL table)
    health.expected_migrations()
    document_view.rendered("json")
    if demo:
        host, port = server.LISTENERS[0].getsockname()[:2]
        sys.stdout.write(pages.Welcome.to(f"http://{host}:{port}").box())
        sys.stdout.flush()
    # The workers share these objects with the master as long as no collection marks them.
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Ignore SIGINT and leave Ctrl-C to the master: a worker that gets it twice may deadlock."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def pre_fork(server: Any, worker: Any) -> None:
    """Close the database connections: two processes that share one mix up their results."""
    connections.close_all()
