"""The machine set going: a server on the database of this process, staff, and so many runs."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from accounts.tests.factories import PASSWORD, SuperuserFactory
from tests.database import Database
from tests.live import BareServer
from tests.stateful.clients import HttpAdminClient
from tests.stateful.machine import ClinicMachine


@contextmanager
def machine_at(database: Database, log: Path) -> Iterator[type[ClinicMachine]]:
    """The machine, with a server to go at, and staff signed in there."""
    name = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{name}" if database.kind == "sqlite" else database.url(name)
    server = BareServer(url, log)
    with server.running():
        with override_settings(PASSWORD_HASHERS=["accounts.hashers.Argon2PasswordHasher"]):
            staff = SuperuserFactory()  # the server knows no other
        admin_client = HttpAdminClient(server.base, staff.email, PASSWORD)
        known = {"base": server.base, "admin_client": admin_client, "outcomes": Counter[str]()}
        yield type("Machine", (ClinicMachine,), {**known, "staff": staff.issue_token()[0]})


def run(machine: type[ClinicMachine], runs: int, steps: int) -> None:
    """So many runs of so many steps each, the same every time."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[
                Phase.generate
            ],  # the steps are told as they were: to shrink them takes minutes
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
