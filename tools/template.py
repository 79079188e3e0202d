"""pytest plugin of `make mutants`: each run copies a migrated SQLite file instead of migrating.

`MUTANTS_TEMPLATE` names the file. A mutant then costs a second or two, not ten.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from django.db import connections

from tests.database import KEY, SQLite


class Ready:
    """A plugin of its own, so that its fixture is registered after pytest-django's."""

    @pytest.fixture(scope="session")
    def django_db_setup(self, pytestconfig: pytest.Config) -> Iterator[None]:
        """The suite's database, migrated already."""
        database = pytestconfig.stash[KEY]
        if not isinstance(database, SQLite):
            raise pytest.UsageError("mutants are tested on SQLite")
        place = shutil.copy(os.environ["MUTANTS_TEMPLATE"], database.file("test_clinic"))
        connections["default"].close()
        connections["default"].settings_dict["NAME"] = place
        yield
        connections.close_all()


def pytest_configure(config: pytest.Config) -> None:
    """Take the place of pytest-django's own fixture."""
    config.pluginmanager.register(Ready())
