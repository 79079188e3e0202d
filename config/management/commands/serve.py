"""Start the clinic from a fresh clone by one command."""

import errno
import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, OperationalError, connections

from config import environment, health
from extensions.db.replica import REPLICA

HOST = "127.0.0.1"
JOBS_INTERVAL = 60.0  # seconds


class Command(BaseCommand):
    """Check the port, migrate the database, then become gunicorn."""

    help = "Migrate, add demo data where it is a demo, and serve on 127.0.0.1 (PORT, else 8000)."
    requires_system_checks = ()  # they load the URL table, which the server loads anyway

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve; does not return, since the process becomes the server. Raises CommandError."""
        port = chosen_port()
        refuse_taken(port)
        refuse_without_static_files()
        try:
            with startup_lock():
                self.prepare()
        except OperationalError as error:
            raise CommandError(f"The database gave up: {first_line(error)}.") from error
        connections.close_all()
        start_scheduler(self.stdout)
        become_gunicorn()

    def prepare(self) -> None:
        """Migrate, and create the demo data; quick and silent if that is done already."""
        reach_databases()
        up_to_date = is_migrated()
        call_command("migrate", interactive=False, verbosity=0 if up_to_date else 1)
        alias = "limits" if "limits" in connections else "default"
        call_command("createcachetable", database=alias, verbosity=0)
        if settings.ENVIRONMENT == "demo":
            call_command("seed_demo", stdout=self.stdout)


def chosen_port() -> int:
    """Return the port that PORT names, or 8000; raises CommandError for any other value."""
    given = environment.text("PORT", "8000")
    if not (given.isdecimal() and len(given) <= 5 and 1 <= int(given) <= 65535):
        raise CommandError(f"PORT must be a whole number from 1 to 65535, not {given!r}.")
    return int(given)


def refuse_taken(port: int) -> None:
    """Raise CommandError if the server cannot listen on the port.

    Binds with SO_REUSEADDR, as gunicorn does: a port in TIME_WAIT is free.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "is taken" if taken else f"cannot be used ({error.strerror})"
            another = port + 1 if port < 65535 else 8000
            raise CommandError(
                f"Port {port} {reason}; choose another one: PORT={another} make run"
            ) from error


def refuse_without_static_files() -> None:
    """Raise CommandError in production if collectstatic has not run: no page would work."""
    if health.lacks_static_files():
        raise CommandError(health.REMEDIES["static"])


@contextmanager
def startup_lock() -> Iterator[None]:
    """Let only one process at a time prepare the database, by a locked file; demos only."""
    if settings.PRODUCTION:  # its folders may be read-only
        yield
        return
    restrict_files(settings.VAR_DIR)
    with (settings.VAR_DIR / "serve.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def restrict_files(folder: Path) -> None:
    """Keep the files in the folder from other users; older versions left them readable."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            with suppress(OSError):  # another user owns it, or SQLite has just deleted it
                path.chmod(0o700 if path.is_dir() else 0o600)


def reach_databases() -> None:
    """Connect to each database but a standby; raises CommandError, which names no password."""
    for connection in connections.all():
        if connection.alias == REPLICA:
            continue  # the server serves without it
        name = connection.settings_dict["NAME"]
        try:
            connection.ensure_connection()
        except (Error, ImproperlyConfigured) as error:
            raise CommandError(
                f"The {connection.display_name} database {str(name)!r} cannot be reached: "
                f"{first_line(error)}."
            ) from error


def is_migrated() -> bool:
    """Whether every migration is applied."""
    try:
        return not health.missing_migrations()
    except Error:
        return False  # the table of migrations does not exist yet


def first_line(error: Exception) -> str:
    """Return the first line of the message; further lines may quote a row."""
    return str(error).strip().partition("\n")[0].rstrip(".")


def start_scheduler(stdout: Any) -> None:
    """Fork a child that runs the jobs, such as sending mail, as long as the server lives.

    It runs them for the first time some seconds later, when the server is up. The processes of the
    server hold the writing end of a pipe open: when the last of them has ended, in any way, the
    child reads the end of the pipe and stops.
    """
    from appointment.scheduler import Scheduler  # noqa: PLC0415  (tests import this without models)

    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    stdout.flush()
    if os.fork():
        os.close(reading)
        return
    os.close(writing)
    try:
        Scheduler(JOBS_INTERVAL, stdout, reading).run()
    finally:
        os._exit(0)


def become_gunicorn() -> NoReturn:
    """Serve in this process, which has loaded everything already, until a signal ends it.

    At SIGUSR2 gunicorn starts itself again with the arguments in `sys.argv`.
    """
    from gunicorn.app.wsgiapp import WSGIApplication  # noqa: PLC0415  (no other command loads it)

    base = settings.BASE_DIR
    options = ["--chdir", str(base), "--config", str(base / "deploy" / "gunicorn.conf.py")]
    command = [str(Path(sys.executable).with_name("gunicorn")), *options, "--no-control-socket"]
    sys.argv = [*command, "config.wsgi:application"]
    WSGIApplication().run()
    sys.exit()
