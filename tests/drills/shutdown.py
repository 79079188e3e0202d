"""A server that is told to end in mid-load, and started again."""

import signal
import time
from collections import Counter
from collections.abc import Callable

from tests.drills.load import Answer, Load
from tests.live import BareServer

LOAD_SECONDS = 1


def end_in_mid_load(load: Load, server: BareServer, rounds: int) -> list[Answer]:
    """SIGTERM under load so many times; what the clients were told until each start."""
    for _ in range(rounds):
        with load.running(settle=0), server.running():
            time.sleep(LOAD_SECONDS)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(30)
    load.unsettled.clear()  # the last requests of each round were refused, as it should be
    return load.answers


def cut_off(answer: list[Answer]) -> Counter[str]:
    """How those were cut off who had come in and were given no answer; a refused call came not."""
    return Counter(t.fault for t in answer if t.fault not in {"", "ConnectionRefusedError"})


def assert_no_caller_cut_off(
    load: Load, server: BareServer, rounds: int, report: Callable[[str], object] = str
) -> None:
    """Whoever came in was answered, and all they were told is so."""
    answer = end_in_mid_load(load, server, rounds)
    report(f"{rounds} ends in mid-load: {load.summary()}")
    assert cut_off(answer) == {}
    assert {each.status for each in answer} <= {0, 200, 201, 409}
    load.assert_kept()
