"""Each of 10,000 messages is accepted once; twice where a worker died before it noted the yes."""

import time
from collections import Counter
from itertools import cycle
from pathlib import Path

import pytest

from tests.database import Database
from tests.drills import cluster
from tests.drills.mail_server import LATER, REFUSED, UnreliableServer
from tests.drills.messages import Workers, cancelations, fill, left, rows_of, send_the_rest
from tests.live import BareServer
from tests.threads import becomes_true

BEHAVIORS = ("fine", "slow", "fine", "dying", "fine", "away")
DIALOGUE = 5  # seconds, at most, of one mail with this server when it is slow


def test_killed_workers_and_an_unreliable_server_lose_no_message(
    database: Database, tmp_path: Path, sized, report
) -> None:
    number, mails = sized(10_000), UnreliableServer()
    server = BareServer(database.create_database("messages"), tmp_path / "log", EMAIL_URL=mails.url)
    fill(server, number)
    workers = Workers(server, 4)
    with mails.running():
        began = time.monotonic()
        with workers.running():
            wait_for_mails(mails, 1, 60)
            with cancelations(server, 20, number / 60, number) as committed:
                kill_workers(workers, mails, sized(60), number)
            assert becomes_true(lambda: not left(server)[0], 600)
        took = time.monotonic() - began
        send_the_rest(server)
    report(f"{len(mails.accepted)} mails accepted, {took:.0f} s with {workers.kills} kills")
    assert_each_once(server, mails, committed, workers.kills, report)
    assert_none_is_lost(server, mails, committed, number)


def kill_workers(workers: Workers, mails: UnreliableServer, kills: int, number: int) -> None:
    """Kill workers until most mails are accepted, while the server changes its behavior."""
    kills = max(len(BEHAVIORS), kills)
    for kill, behavior in zip(range(1, kills + 1), cycle(BEHAVIORS), strict=False):
        mails.behavior = behavior
        wait_for_mails(mails, number * 0.8 * kill / kills, 1 if behavior == "away" else 4)
        workers.kill_one()
    mails.behavior = "fine"


def wait_for_mails(mails: UnreliableServer, number: float, seconds: float) -> None:
    """Wait until the server has accepted so many mails, for some seconds at most."""
    becomes_true(lambda: len(mails.accepted) >= number, seconds)


def assert_each_once(
    server: BareServer, mails: UnreliableServer, committed: dict[int, float], kills: int, report
) -> None:
    """Compare what the server accepted with what the database says."""
    rows = rows_of(server)
    accepted = Counter(message for message, _, _ in mails.accepted)
    sent = {row.receipt: row for row in rows if row.is_sent}
    refused = [row for row in rows if not row.is_sent]
    assert all("550, given up" in row.failure for row in refused), refused
    assert sent.keys() <= accepted.keys()
    twice = [message for message, times in accepted.items() if times > 1]
    assert set(accepted.values()) <= {1, 2}
    assert len(twice) <= kills
    # A canceled visit: its message was claimed before the cancel was committed, or never sent.
    late = [
        row
        for row in sent.values()
        if row.kind == "booked" and row.claimed > committed.get(row.visit, row.claimed)
    ]
    assert not late
    unnoted = [(to, at) for message, to, at in mails.accepted if message not in sent]
    assert len(unnoted) <= kills, "a message without a note, of a worker that lived"
    assert all(at <= max(committed.values()) + DIALOGUE for _, at in unnoted)
    tried = {to: times for to, times in mails.asked.items() if REFUSED in to}
    later = sum(LATER in to for to in mails.asked)
    visits = {row.visit for row in rows if row.kind == "booked" and row.is_sent}
    report(
        f"{len(sent)} sent; {len(twice)} twice after {kills} kills; {len(refused)} refused by "
        f"{len(tried)} recipients; {later} told to come later; {len(committed)} visits canceled, "
        f"of which {len(committed.keys() - visits)} had no message of the booking"
    )


def assert_none_is_lost(
    server: BareServer, mails: UnreliableServer, committed: dict[int, float], number: int
) -> None:
    """Each visit that stands has its message; who heard of one that does not, heard that too."""
    rows = rows_of(server)
    booked = {row.visit for row in rows if row.kind == "booked"}
    assert len(booked | committed.keys()) == number
    told_of_end = {row.visit for row in rows if row.kind == "canceled" and row.is_sent}
    told = {int(to[1:].partition("@")[0]) + 1 for _, to, _ in mails.accepted}
    assert told & committed.keys() == told_of_end


@pytest.mark.only_on("postgres")
def test_a_database_that_is_killed_and_started_again_doubles_no_message(
    tmp_path: Path, sized, report
) -> None:
    number, mails, kills = sized(400), UnreliableServer(), 0
    with cluster.primary() as primary:
        url = primary.create_database("messages")
        server = BareServer(url, tmp_path / "log", EMAIL_URL=mails.url)
        fill(server, number)
        mails.behavior = "slow"  # so that most messages are under way when the database goes
        with mails.running():
            with Workers(server, 3).running():
                while len(mails.accepted) < number * 0.6:
                    wait_for_mails(mails, len(mails.accepted) + 5, 30)
                    primary.kill()
                    primary.start()
                    kills += 1
                mails.behavior = "fine"
                assert becomes_true(lambda: not left(server)[0], 300)
            send_the_rest(server)
        assert_each_once(server, mails, {}, 0, report)
    report(f"{len(mails.accepted)} mails accepted while PostgreSQL was killed {kills} times")
