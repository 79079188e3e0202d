"""A server that gets SIGTERM under load, and starts again."""

import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from threading import Barrier

from tests.drills.load import Answer, Load
from tests.live import BareServer, printed_value

LOAD_SECONDS = 1
ACCOUNT = {"email": "ana@example.com", "password": "correct-horse-battery"}
CREATE = f"""
from accounts.models import User
print("CREATED", User.objects.create_user(**{ACCOUNT}).pk)
"""


def end_in_mid_load(load: Load, server: BareServer, rounds: int) -> list[Answer]:
    """Send SIGTERM under load this number of times. Return the answers that the clients got."""
    for _ in range(rounds):
        with load.running(settle=0), server.running():
            time.sleep(LOAD_SECONDS)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(30)
    load.unsettled.clear()  # the server rightly refused the last requests of each round
    return load.answers


def signed_in_while_it_ends(server: BareServer, people: int) -> Counter[int]:
    """Send SIGTERM while so many people sign in; count the statuses that they get."""
    printed_value(server, "CREATED", CREATE)
    sent = Barrier(people + 1)

    def sign_in() -> int:
        line = HTTPConnection(server.base.removeprefix("http://"), timeout=60)
        headers = {"Content-Type": "application/json"}
        line.request("POST", "/api/auth/login/", json.dumps(ACCOUNT), headers)
        sent.wait(60)
        return line.getresponse().status

    with server.running(), ThreadPoolExecutor(people) as pool:
        answers = [pool.submit(sign_in) for _ in range(people)]
        sent.wait(60)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
        return Counter(answer.result() for answer in answers)


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
