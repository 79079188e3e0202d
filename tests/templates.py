"""Databases that the first process of a run makes, and that all processes then copy.

    templates = Templates(database, folder)    # the fixture `templates`
    templates.migrated()                       # a DATABASE_URL: the tables, and no rows
    templates.demo()                           # the same after the first start of `make run`

No process connects to them, since PostgreSQL copies no database that is in use.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from tests import pgbouncer, postgres
from tests.database import Database
from tests.live import BareServer, Server

READY = "TEST_MIGRATED_SQLITE"  # names a file that is migrated already; `make mutants` sets it


class Templates:
    """The templates of this run. Its processes find them by files in the folder of the run."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = pgbouncer.behind(database)
        self.folder = folder

    def migrated(self) -> str:
        """Return the DATABASE_URL of a database whose migrations are applied."""
        if READY in os.environ and self.database.kind == "sqlite":
            return f"sqlite:///{os.environ[READY]}"
        return self._made_once(
            "migrated", lambda url: BareServer(url, self._log("migrate")).migrate()
        )

    def demo(self) -> str:
        """Return the DATABASE_URL of a database that the server has filled with demo data."""
        return self._made_once("demo", self._start_the_first_time)

    def first_start(self) -> str:
        """Return the server's output at its start on the empty database of the demo."""
        self.demo()
        return self._log("demo").read_text()

    def _start_the_first_time(self, url: str) -> None:
        with Server(url, self._log("demo"), THROTTLE="off").running():
            pass

    def _made_once(self, name: str, make: Callable[[str], None]) -> str:
        """Return the DATABASE_URL of the template. One process makes it while the others wait."""
        made = self.folder / f"{name}.url"
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                url = self.database.create_database(f"template_{name}")
                make(url)
                if isinstance(self.database, postgres.Server):
                    self.database.keep(url)
                made.write_text(url)
        return made.read_text()

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"
