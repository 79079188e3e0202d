"""`manage.py export_patient ID | head` ends without a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from extensions.tests.processes import environ_of_this_database
from patient.tests.factories import PatientFactory

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.django_db(transaction=True)
def test_a_reader_that_closes_the_pipe_gets_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [sys.executable, "manage.py", "export_patient", str(PatientFactory().pk)],
        cwd=ROOT,
        env=environ_of_this_database(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (process.returncode, process.stderr) == (1, "")
