"""How gunicorn serves the clinic, for `manage.py serve` and for production (docs/operations.md).

An option on gunicorn's own command line (`--bind 0.0.0.0:8000`) has the last word.
"""

import logging
import signal
import sys
from typing import Any

from django.db import connections
from django.urls import get_resolver

from config import environment
from config.log import RequestTextFilter

demo = environment.text("ENVIRONMENT", "demo") == "demo"

bind = f"127.0.0.1:{environment.number('PORT', 8000)}"
worker_class = "config.worker.Worker"
workers = environment.number("WEB_CONCURRENCY", 2)
threads = 16
preload_app = True  # the code is loaded once, and a server that cannot load it never listens
control_socket_disable = True  # gunicorn 27 shares one a user, whichever clinic starts first
graceful_timeout = 25  # longer than anybody waits for a database
keepalive = 5
limit_request_line = 8190
secure_scheme_headers: dict[str, str] = {}  # NUM_PROXIES says whether a proxy is believed
forwarder_headers = ""  # no header of a client may rewrite the path
loglevel = "warning" if demo else "info"
# For whoever asks for an access log (`--access-logfile -`): no query, no referer, no header, since
# the admin's searches are names of patients.
access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(b)s %(M)sms'
logging.getLogger("gunicorn.error").addFilter(RequestTextFilter())


def when_ready(server: Any) -> None:
    """Load what the first call would, and say that the server listens; the workers fork next."""
    from config import health, pages  # here, since Django was not set up above: these load models

    get_resolver().url_patterns  # noqa: B018  (a lazy property: reading it imports the URL table)
    health.expected_migrations()
    if demo:
        host, port = server.LISTENERS[0].getsockname()[:2]
        sys.stdout.write(pages.Welcome.to(f"http://{host}:{port}").box())
        sys.stdout.flush()


def post_worker_init(worker: Any) -> None:
    """Leave Ctrl-C to the master: a worker that hears it twice may wait for itself for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def pre_fork(server: Any, worker: Any) -> None:
    """Let no worker inherit a connection: two processes on one would mix up their answers."""
    connections.close_all()
