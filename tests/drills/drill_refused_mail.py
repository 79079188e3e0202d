"""Any number of mails that are refused leave a stranger's mail no more than ten seconds late."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.database import Database
from tests.drills.mail_server import REFUSED, MailServer
from tests.live import BareServer
from tests.programs import tied_to_this_process
from tests.threads import becomes_true

SECONDS = 10  # that a mail may take, from the call to the mail server
STRANGERS = 4
PAUSE = 2.3  # seconds between two of them, so that they meet rounds and the pauses between rounds
USERS = """
from accounts.models import User
User.objects.bulk_create(User(email=email, password="!") for email in {emails})
"""


REFUSALS = {  # and how many seconds each takes
    "fast 550": ("550 no such mailbox", 0),
    "slow 550": ("550 no such mailbox", 0.5),
    "slow 450": ("450 later", 0.2),
    "421": ("421 bye", 0),
}


@pytest.fixture(params=list(REFUSALS.values()), ids=list(REFUSALS))
def mails(request: pytest.FixtureRequest) -> Iterator[MailServer]:
    server = MailServer(*request.param)
    with server.running():
        yield server


@pytest.fixture
def server(database: Database, tmp_path: Path, mails: MailServer) -> BareServer:
    url = database.create_database("refused_mail")
    server = BareServer(url, tmp_path / "log", EMAIL_URL=mails.url)
    server.migrate()
    return server


@contextmanager
def sender(server: BareServer) -> Iterator[None]:
    """Run the process that sends the mail, as a service of its own."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker"],
        cwd=server.root,
        env=server.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=tied_to_this_process(),  # noqa: PLW1509  (it only makes system calls)
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def ask(server: BareServer, address: str) -> None:
    body = json.dumps({"email": address}).encode()
    headers = {"Content-Type": "application/json"}
    path = f"{server.base}/api/auth/password-reset/"
    with urlopen(Request(path, body, headers), timeout=60) as answer:
        assert answer.status == 202


def test_refused_mails_do_not_delay_the_mail_of_a_stranger(
    server: BareServer, mails: MailServer, sized, report
) -> None:
    is_fast = mails.refusal.startswith("550") and not mails.seconds
    refused = [f"user{number}@{REFUSED}" for number in range(sized(1500) if is_fast else 75)]
    first, *others = [f"stranger{number}@example.com" for number in range(STRANGERS)]
    emails = [*refused, first, *others]
    made = server.manage("shell", "--no-imports", "-c", USERS.format(emails=emails))
    assert made.returncode == 0, made.stderr
    with server.running(), ThreadPoolExecutor(8) as pool:
        ask(server, first)
        list(pool.map(lambda address: ask(server, address), refused))
        with sender(server):
            assert becomes_true(lambda: bool(mails.asked))
            began = time.monotonic()
            assert becomes_true(lambda: first in mails.taken)
            waits = [mails.taken[first] - began]
            waits += [wait_for_mail(server, mails, address) for address in others]
            if is_fast:
                enough = STRANGERS + min(75, len(refused))
                assert becomes_true(lambda: len(mails.asked) >= enough)
    tried = {address: times for address, times in mails.asked.items() if REFUSED in address}
    report(f"{len(tried)} of {len(refused)} refused; waits {[round(wait, 1) for wait in waits]} s")
    assert max(waits) <= SECONDS
    if mails.refusal.startswith("550"):
        assert set(tried.values()) == {1}, "a refused mail was tried again"


def wait_for_mail(server: BareServer, mails: MailServer, address: str) -> float:
    """Ask for a new password; return the seconds until the mail server has the mail."""
    time.sleep(PAUSE)
    began = time.monotonic()
    ask(server, address)
    assert becomes_true(lambda: address in mails.taken)
    return mails.taken[address] - began
