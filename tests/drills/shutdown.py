"""A server that is told to end in mid-load, and started again."""

import signal
import time
from collections import Counter
from collections.abc import Callable

from tests.drills.load import Load, Told
from tests.live import BareServer

LOAD_SECONDS = 1


def end_in_mid_load(load: Load, server: BareServer, rounds: int) -> list[Told]:
    """SIGTERM under load so many times; what the clients were told until each start."""
    for _ in range(rounds):
        with load.running(settle=0), server.running():
            time.sleep(LOAD_SECONDS)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(30)
    load.unsettled.clear()  # the last requests of each round were refused, as it should be
    return load.told


def cut_off(told: list[Told]) -> Counter[str]:
    """How those were cut off who had come in and were given no answer; a refused call came not."""
    return Counter(t.fault for t in told if t.fault not in {"", "ConnectionRefusedError"})


def assert_nobody_cut_off(
    load: Load, server: BareServer, rounds: int, tell: Callable[[str], object] = str
) -> None:
    """Whoever came in was answered, and all they were told is so."""
    told = end_in_mid_load(load, server, rounds)
    tell(f"{rounds} ends in mid-load: {load.summary()}")
    assert cut_off(told) == {}
    assert {each.status for each in told} <= {0, 200, 201, 409}
    load.assert_kept()
