"""What comes at once: 64 patients for one place, and 32 sign-ins."""

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.clients import Connection
from benchmarks.data import KEYS
from benchmarks.figures import percentile
from benchmarks.generator import Failed, headers_of, host_of, http_request
from benchmarks.rounds import Bench, Place
from benchmarks.rows import BOOK, PRODUCT, SLOTS

BURSTS = 5
PROBES = 4  # other clients who read while accounts sign in
IDLE_READS = 60  # of each


@dataclass
class Answered:
    """Status, milliseconds and body of one answer."""

    status: int
    milliseconds: float
    body: bytes


def at_once(base: str, requests: Sequence[bytes]) -> list[Answered]:
    """Send all requests at the same moment, each on a connection that stands."""
    together = threading.Barrier(len(requests))

    def send(request: bytes) -> Answered:
        with Connection(base) as connection:
            connection.connect()
            together.wait(60)
            return Answered(*connection.timed(request))

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


def races(bench: Bench) -> dict[str, Any]:
    """Let 64 patients book one place, for each of the fifteen times. Raises Failed if not exact."""
    place = bench.places[PRODUCT]
    host, slowest, medians = host_of(place.server.base), [], []
    for doctor, slot in place.clinic.races:
        requests = [
            http_request(
                "POST",
                BOOK.format(doctor),
                host,
                headers_of(n, token, Idempotency_Key=f"race-{next(KEYS)}"),
                {"slot_id": slot},
            )
            for n, token in enumerate(place.clinic.racers)
        ]
        answers = at_once(place.server.base, requests)
        statuses = Counter(answer.status for answer in answers)
        if statuses != Counter({201: 1, 409: len(requests) - 1}):
            raise Failed(f"{len(requests)} for one place: {dict(statuses)}")
        slowest.append(max(answer.milliseconds for answer in answers))
        medians.append(median(answer.milliseconds for answer in answers))
    return {
        "races": len(slowest),
        "clients": len(place.clinic.racers),
        "slowest": max(slowest),
        "median_slowest": median(slowest),
        "median": median(medians),
    }


def sign_ins(bench: Bench, bursts: int = BURSTS) -> dict[str, Any]:
    """Let 32 accounts sign in at once, several times, while others read free slots.

    Returns the growth of the workers' memory at its highest (MB), and the others' p95 (ms) while
    nothing else runs and during the bursts.
    """
    place = bench.places[PRODUCT]
    others = Readers(place)
    idle = others.read_until(None)
    before = total_memory(place)
    highest, during, took = before, list[float](), list[float]()
    for turn in range(bursts):
        done = threading.Event()
        with ThreadPoolExecutor(2) as pool:
            reading = pool.submit(others.read_until, done)
            watching = pool.submit(watch_memory, place, done)
            answers = at_once(place.server.base, logins(place, turn))
            done.set()
            during += reading.result()
            highest = max(highest, watching.result())
        refused = [answer for answer in answers if answer.status != 200]
        if refused:
            raise Failed(f"a sign-in answers {refused[0].status}: {refused[0].body[:200]!r}")
        took.append(max(answer.milliseconds for answer in answers))
    return {
        "clients": len(place.clinic.sign_ins),
        "bursts": bursts,
        "slowest": max(took),
        "memory_more": highest - before,
        "others_idle_p95": percentile(idle, 0.95),
        "others_p95": percentile(during, 0.95),
        "others": len(during),
    }


def logins(place: Place, turn: int) -> list[bytes]:
    """Return the sign-ins of a burst, each from an address of its own."""
    host, password = host_of(place.server.base), place.clinic.password
    return [
        http_request(
            "POST",
            "/api/auth/login/",
            host,
            headers_of(100_000 + 100 * turn + n, User_Agent="bench"),
            {"email": email, "password": password},
        )
        for n, email in enumerate(place.clinic.sign_ins)
    ]


class Readers:
    """A few clients who read free slots, one request after the other, and note each time."""

    def __init__(self, place: Place) -> None:
        self.base = place.server.base
        self.requests = place.clinic.reads(self.base, SLOTS.format(**place.clinic.found))

    def read_until(self, done: threading.Event | None) -> list[float]:
        """Read until the event is set, or IDLE_READS times each; return the milliseconds."""

        def read(number: int) -> list[float]:
            times = []
            with Connection(self.base) as connection:
                connection.connect()
                while not (done.is_set() if done else len(times) >= IDLE_READS):
                    request = self.requests[(number + PROBES * len(times)) % len(self.requests)]
                    status, milliseconds, _ = connection.timed(request)
                    if status != 200:
                        raise Failed(f"a reader beside the sign-ins got {status}")
                    times.append(milliseconds)
            return times

        with ThreadPoolExecutor(PROBES) as pool:
            return [each for times in pool.map(read, range(PROBES)) for each in times]


def total_memory(place: Place) -> float:
    """Return MB of all workers together, shared pages counted once."""
    return sum(worker["pss"] for worker in place.server.workers())


def watch_memory(place: Place, done: threading.Event) -> float:
    """Return the most memory of all workers together until the event is set."""
    highest = 0.0
    while not done.wait(0.02):
        highest = max(highest, total_memory(place))
    return highest


def starts(server: Any, times: int) -> list[float]:
    """Start the server so many times; return the seconds until /readyz answers."""
    found = []
    for _ in range(times):
        server.stop()
        found.append(server.start())
    return found
