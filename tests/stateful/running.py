"""A function that starts the machine, with a server and staff, and a function that runs it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from accounts.tests.factories import PASSWORD, SuperuserFactory
from tests.database import Database
from tests.live import BareServer
from tests.stateful.calendar import ClinicMachine
from tests.stateful.clients import HttpAdminClient
from tests.stateful.state import CAP


@contextmanager
def running_state_machine(database: Database, log: Path) -> Iterator[type[ClinicMachine]]:
    """Start a server on this process's database, and yield a ClinicMachine that calls it."""
    name = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{name}" if database.kind == "sqlite" else database.url(name)
    server = BareServer(url, log, MAX_AHEAD_UNVERIFIED=str(CAP))
    with server.running():
        with override_settings(PASSWORD_HASHERS=["accounts.hashers.Argon2PasswordHasher"]):
            staff = SuperuserFactory()  # the server accepts no other hasher
        admin_client = HttpAdminClient(server.base, staff.email, PASSWORD)
        known = {"base": server.base, "admin_client": admin_client, "outcomes": Counter[str]()}
        known |= {"staff": staff.issue_token()[0], "failures": []}
        yield type("Machine", (ClinicMachine,), known)


def run(machine: type[ClinicMachine], runs: int, steps: int) -> None:
    """Run the machine `runs` times with `steps` steps each, the same in every run of the suite.

    Raises the first failure. Hypothesis replays the failing run, and the replay fails at its first
    check, since `check_invariants` still finds the rows of the first failure.
    """
    try:
        run_state_machine_as_test(machine, settings=settings_of(runs, steps))
    except Flaky:
        raise machine.failures[0] from None


def settings_of(runs: int, steps: int) -> settings:
    """Return the settings of Hypothesis; a failing run is not shrunk, which takes minutes."""
    return settings(
        max_examples=runs,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
