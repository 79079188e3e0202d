"""`manage.py worker` runs rounds of jobs until a signal ends it."""

import signal
import subprocess
import sys
import time
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from django.utils import timezone

from accounts.models import MailKind, OutgoingMessage
from accounts.tests.factories import UserFactory
from appointment import scheduler
from appointment.models import WorkerHeartbeat
from appointment.scheduler import Scheduler
from tests.live import ROOT, environ

Done = list[str]


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Done:
    """Replace the jobs with fakes named "other" and "mail"; return the list of those that ran."""
    done: Done = []

    def piece(name: str) -> scheduler.Job:
        def work(at: Any) -> int:
            done.append(name)
            return 1

        return f"{name}s", work

    mail = piece("mail")
    monkeypatch.setattr(scheduler, "QUICK_JOBS", (mail,))
    monkeypatch.setattr(Scheduler, "_beat", lambda self: None)
    monkeypatch.setattr(scheduler, "JOBS", (piece("other"), mail))
    return done


def test_mail_goes_out_in_every_turn_and_the_rest_once_an_interval(done: Done) -> None:
    clock = Scheduler(interval=3600, stdout=StringIO())
    for _ in range(3):
        clock.run_due_jobs()
    assert done == ["other", "mail", "mail", "mail"]
    clock.next_round = time.monotonic()
    clock.run_due_jobs()
    assert done[4:] == ["other", "mail"]


def test_a_turn_prints_the_work_done_or_nothing(
    done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = StringIO()
    clock = Scheduler(3600, said)
    clock.run_due_jobs()
    assert said.getvalue() == "1 others, 1 mails."
    clock.quick_jobs = (("mails", lambda at: 0),)
    clock.run_due_jobs()
    assert said.getvalue() == "1 others, 1 mails."


@pytest.mark.parametrize("error", [OperationalError("s3cret"), ValueError("s3cret")])
def test_the_loop_survives_an_outage_and_every_failure_of_a_job(
    done: Done, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(at: Any) -> int:
        raise error

    monkeypatch.setattr(scheduler, "JOBS", (("others", fail), *scheduler.QUICK_JOBS))
    monkeypatch.setattr(connections, "close_all", lambda: done.append("closed"))
    Scheduler(3600, StringIO()).run_due_jobs()
    assert done == ["closed", "mail"]
    assert "ailed at 'others'" in caplog.text
    assert ("Traceback" in caplog.text) is isinstance(error, ValueError), (
        "only a bug is logged with its traceback"
    )
    assert "s3cret" not in caplog.text


@pytest.mark.both_databases
@pytest.mark.django_db
def test_one_row_says_when_a_worker_was_last_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "QUICK_JOBS", ())
    monkeypatch.setattr(scheduler, "JOBS", ())
    beats: list[Any] = []
    clocks = [Scheduler(3600, StringIO()) for _ in range(2)]
    for clock in (clocks[0], clocks[0], clocks[1]):
        clock.run_due_jobs()
        beats.append(WorkerHeartbeat.objects.last_beat())
    assert beats[0] == beats[1] < beats[2], "every ten seconds, by any of them"
    assert WorkerHeartbeat.objects.count() == 1


@pytest.mark.parametrize("interval", ["0", "-1", "x", "nan", "86401"])
def test_an_invalid_interval_is_refused(interval: str) -> None:
    with pytest.raises(CommandError, match="number of seconds"):
        call_command("worker", f"--interval={interval}")


@pytest.mark.django_db
def test_a_single_run_sends_mail_too() -> None:
    user = UserFactory(email_verified_at=timezone.now())
    OutgoingMessage.objects.enqueue(MailKind.PASSWORD_RESET, user.email)
    said = StringIO()
    call_command("run_due", stdout=said)
    assert "1 messages sent" in said.getvalue()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_loop_survives_without_a_database_and_ends_at_a_signal(
    how: signal.Signals, tmp_path: Any
) -> None:
    nowhere = f"sqlite:///{tmp_path}/nowhere/clinic.sqlite3"
    process = subprocess.Popen(
        [sys.executable, "-u", "manage.py", "worker", "--interval=0.1"],
        cwd=ROOT,
        env={**environ(DATABASE_URL=nowhere), "CACHE_URL": "locmemcache://"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(12)]  # two rounds of six jobs
    process.send_signal(how)
    assert process.wait(timeout=120) == 0
    assert all("The database failed at" in line for line in said), said
