"""A server that gets SIGTERM under load, and starts again."""

import signal
import time
from collections import Counter
from collections.abc import Callable

from tests.drills.load import Answer, Load
from tests.live import BareServer

LOAD_SECONDS = 1


def end_in_mid_load(load: Load, server: BareServer, rounds: int) -> list[Answer]:
    """Send SIGTERM under load this number of times. Return the answers that the clients got."""
    for _ in range(rounds):
        with load.running(settle=0), server.running():
            time.sleep(LOAD_SECONDS)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(30)
    load.unsettled.clear()  # the server rightly refused the last requests of each round
    return load.answers


def cut_off(answers: list[Answer]) -> Counter[str]:
    """Count the requests that reached the server and got no response, by the client's exception."""
    faults = (answer.fault for answer in answers)
    return Counter(fault for fault in faults if fault not in {"", "ConnectionRefusedError"})


def assert_no_caller_cut_off(
    load: Load, server: BareServer, rounds: int, report: Callable[[str], object] = str
) -> None:
    """Assert that every request that came in got an answer, and that every answer is true."""
    answers = end_in_mid_load(load, server, rounds)
    report(f"{rounds} ends in mid-load: {load.summary()}")
    assert cut_off(answers) == {}
    assert {answer.status for answer in answers} <= {0, 200, 201, 409}
    load.assert_kept()
