"""Simulate a rush on so many processors: who is served, who waits, who gets 503 (docs/scaling.md).

    .venv/bin/python -m benchmarks.rush_simulation       # a million people, several fleets
    .venv/bin/python -m benchmarks.rush_simulation --check var/rush.json   # beside a drill

Events are simulated one by one, with the rule of `config.backlog` that the server itself uses. A
request needs a thread, then processor time of its worker, then processor time of the database; a
booking also holds the lock of its slot. The simulation has one slice of the clinic: with 40 slices
a fortieth of the people, places and processors. The same seed gives the same figures.
"""

import argparse
import heapq
import json
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

from benchmarks.capacity import THREADS, Cost, Morning, costs
from config.backlog import LONGEST_WAIT, Backlog
from config.refusals import RETRY_AFTER

LINE = b"GET / HTTP/1.1"
COMMIT = 0.004  # seconds that a commit waits for the disk, with the lock of its slot
SHOWN = 60  # free slots that a person sees and chooses from: the soonest
THINKING = 20.0  # seconds from a list to the choice, in the mean
TRIES = 30  # refusals that a person bears
FLEETS = ((40, 10), (80, 20), (120, 30))  # cores of web servers, and of the database
Then = Callable[[str], None]  # gets "ok" or "503"


class Clock:
    """The events to come, in order of time."""

    def __init__(self) -> None:
        self.now, self._events, self._ties = (
            0.0,
            list[tuple[float, int, Callable[[], None]]](),
            count(),
        )

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        """Let the event happen in so many seconds."""
        heapq.heappush(self._events, (self.now + seconds, next(self._ties), event))

    def run(self, until: float) -> None:
        """Let events happen until that instant, or until there are none."""
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()


class Processor:
    """Processor time that requests use one after the other. `speed`: cores in one."""

    def __init__(self, clock: Clock, speed: float = 1.0) -> None:
        self.clock, self.speed, self.free_at, self.used = clock, speed, 0.0, 0.0

    def use(self, seconds: float, not_before: float = 0.0) -> float:
        """Return in how many seconds the work is done, if it begins when the processor is free."""
        begins = max(self.clock.now, self.free_at, not_before)
        self.free_at = begins + seconds / self.speed
        self.used += seconds
        return self.free_at - self.clock.now


@dataclass
class Request:
    """A request: its cost, the slot that it locks (-1: none), and what follows the answer."""

    cost: Cost
    then: Then
    came_at: float
    slot: int = -1
    work: Callable[[], None] = lambda: None  # done with the lock held


class Worker:
    """A worker of the server: a processor, threads, and requests that wait for a thread."""

    def __init__(self, clinic: "Clinic") -> None:
        self.clinic, self.processor = clinic, Processor(clinic.clock)
        self.backlog, self.queue = Backlog(THREADS), deque[Request]()
        self.running = 0

    def take(self, request: Request) -> None:
        """Admit the request, or refuse it, by the server's own rule."""
        if not self.backlog.admits(LINE):
            self._refuse(request)
            return
        self.backlog.begin()
        self.queue.append(request)
        self._go_on()

    def _go_on(self) -> None:
        while self.queue and self.running < THREADS:
            request = self.queue.popleft()
            if self.clinic.clock.now - request.came_at > LONGEST_WAIT:
                self.backlog.end(self.clinic.clock.now, was_answered=False)
                self._refuse(request)
                continue
            self.running += 1
            seconds = self.processor.use(request.cost.server / 1000)
            self.clinic.clock.after(seconds, partial(self._query, request))

    def _query(self, request: Request) -> None:
        self.clinic.clock.after(self.clinic.query(request), partial(self._answer, request))

    def _answer(self, request: Request) -> None:
        self.running -= 1
        self.backlog.end(self.clinic.clock.now, was_answered=True)
        self.clinic.served.append(self.clinic.clock.now - request.came_at)
        request.work()
        self._go_on()
        request.then("ok")

    def _refuse(self, request: Request) -> None:
        self.clinic.refused += 1
        self.processor.use(self.clinic.costs["refused_503"].server / 1000)
        request.then("503")


@dataclass
class Clinic:
    """The servers of one slice: workers, which get requests in turn, and the database."""

    clock: Clock
    workers_count: int
    database_cores: float
    costs: dict[str, Cost]
    served: list[float] = field(default_factory=list)  # seconds of each answer
    refused: int = 0

    def __post_init__(self) -> None:
        self.workers = [Worker(self) for _ in range(self.workers_count)]
        self.database = Processor(self.clock, self.database_cores)
        self.locked_until: dict[int, float] = {}
        self._turn = count()

    def ask(
        self, row: str, then: Then, slot: int = -1, work: Callable[[], None] = lambda: None
    ) -> None:
        """Send a request to the next worker."""
        worker = self.workers[next(self._turn) % len(self.workers)]
        worker.take(Request(self.costs[row], then, self.clock.now, slot, work))

    def query(self, request: Request) -> float:
        """Return the seconds of the request in the database; a booking waits for its slot."""
        locked = self.locked_until.get(request.slot, 0.0) if request.slot >= 0 else 0.0
        seconds = self.database.use(request.cost.database / 1000)
        if request.slot >= 0:
            hold = request.cost.database / 1000 / 2 + COMMIT  # the lock comes halfway
            seconds = max(seconds, locked - self.clock.now) + hold
            self.locked_until[request.slot] = self.clock.now + seconds
        return seconds


@dataclass
class Result:
    """What became of the people and the requests of a slice."""

    ends: Counter[str]
    clinic: Clinic
    sold_out_at: float
    seconds: float

    @property
    def share_refused(self) -> float:
        """Return the share of the requests that got 503."""
        return self.clinic.refused / max(1, self.clinic.refused + len(self.clinic.served))

    def wait(self, share: float) -> float:
        """Return the seconds in which this share of the answers came."""
        waits = sorted(self.clinic.served)
        return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else 0.0


class Rush:
    """The people of one slice, and the places that they want."""

    def __init__(self, clinic: Clinic, morning: Morning, slices: int, seed: int) -> None:
        self.clinic, self.morning = clinic, morning
        self.random = Random(seed)  # nosec B311  # no secret
        self.left = [20] * max(1, morning.places // slices // 20)  # slots of 20 places
        self.soonest = 0  # the first slot that may have a place
        self.people = morning.people // slices
        self.ends: Counter[str] = Counter()
        self.sold_out_at = 0.0

    def run(self) -> Result:
        """Let all of them come, and return what became of them."""
        clock = self.clinic.clock
        for _ in range(self.people):
            clock.after(self._arrival(), partial(self._arrive))
        clock.run(2.0 * self.morning.seconds)
        return Result(self.ends, self.clinic, self.sold_out_at, clock.now)

    def _arrival(self) -> float:
        while (at := self.random.expovariate(1 / self.morning.mean_arrival)) > self.morning.seconds:
            pass
        return at

    def _arrive(self) -> None:
        looks = 1 + (self.random.random() < self.morning.looks - 1)
        begin = partial(self._look, looks)
        if self.random.random() < self.morning.signs_in:
            self._try("sign_in", begin)
        else:
            begin()

    def _try(
        self,
        row: str,
        done: Callable[[], None],
        slot: int = -1,
        work: Callable[[], None] = lambda: None,
        tries: int = 0,
    ) -> None:
        """Send the request, and again after 503 as its Retry-After says; give up in the end."""

        def answered(status: str) -> None:
            if status == "ok":
                done()
            elif tries >= TRIES:
                self.ends["gave up"] += 1
            else:
                again = partial(self._try, row, done, slot, work, tries + 1)
                self.clinic.clock.after(self.random.choice(RETRY_AFTER), again)

        self.clinic.ask(row, answered, slot, work)

    def _look(self, times: int) -> None:
        self._try("soonest", partial(self._choose, times))

    def _choose(self, times: int) -> None:
        free = self._free()
        if not free:
            self.ends["sold out"] += 1
            return
        think = self.random.expovariate(1 / THINKING)
        step = (
            partial(self._look, times - 1)
            if times > 1
            else partial(self._book, self.random.choice(free))
        )
        self.clinic.clock.after(think, step)

    def _free(self) -> list[int]:
        while self.soonest < len(self.left) and not self.left[self.soonest]:
            self.soonest += 1
        return [
            slot
            for slot in range(self.soonest, min(len(self.left), self.soonest + SHOWN))
            if self.left[slot]
        ]

    def _book(self, slot: int) -> None:
        taken: list[bool] = []

        def take() -> None:
            taken.append(self.left[slot] > 0)
            self.left[slot] -= taken[-1]

        def done() -> None:
            if taken[-1]:
                self.ends["booked"] += 1
                self.sold_out_at = self.clinic.clock.now
            else:
                self.ends["collided"] += 1
                self._look(1)

        self._try("book" if self.left[slot] else "refused", done, slot, take)


def fixed_rate(
    clinic: Clinic, rate: float, seconds: float, calls: Iterator[str], seed: int = 1
) -> Result:
    """Let requests come at this rate, whatever becomes of them, as tests/drills/rush.py does."""
    random, at = Random(seed), 0.0  # nosec B311  # no secret
    for slot in range(round(rate * seconds)):
        row = next(calls)
        books = slot + 1 if row == "book" else -1
        clinic.clock.after(at, partial(clinic.ask, row, lambda status: None, books))
        at += random.expovariate(rate)
    clinic.clock.run(seconds + 60)
    return Result(Counter(), clinic, 0.0, seconds)


def morning_on(
    web_cores: int, database_cores: int, slices: int, seed: int = 1, morning: Morning | None = None
) -> Result:
    """Return the morning on these processors, whose web cores the slices divide."""
    clinic = Clinic(Clock(), web_cores // slices, database_cores / slices, costs())
    return Rush(clinic, morning or Morning(), slices, seed).run()


def fleets(slices: int) -> str:
    """Return the table of the morning on several fleets."""
    heads = ("web cores", "database cores", "booked", "gave up", "sold out after",
             "requests a person", "503", "p50", "p95")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for web, database in FLEETS:
        found = morning_on(web, database, slices)
        people = Morning().people // slices
        requests = (len(found.clinic.served) + found.clinic.refused) / people
        booked, gave_up = (found.ends[end] / people for end in ("booked", "gave up"))
        lines.append(
            f"| {web} | {database} | {booked:.0%} | {gave_up:.0%} "
            f"| {found.sold_out_at / 60:.0f} min | {requests:.1f} | {found.share_refused:.0%} "
            f"| {found.wait(0.5):.2f} s | {found.wait(0.95):.2f} s |"
        )
    return "\n".join(lines)


def check(path: Path) -> str:
    """Return the figures of a drill beside those of the simulation at the same rates."""
    drill = json.loads(path.read_text())
    pace = 2000 / drill["capacity"]  # milliseconds of one of the two workers for a call
    cost = {"call": Cost(pace, 0.0), "refused_503": costs()["refused_503"]}
    clinic = Clinic(Clock(), 2, 1.0, cost)
    found = fixed_rate(clinic, drill["offered"], drill["seconds"], iter(lambda: "call", ""))
    served = len(clinic.served) / drill["seconds"]
    rows = {
        "served a second": (served, drill["served"]),
        "refused": (found.share_refused, drill["refused_share"]),
        "p50 (s)": (found.wait(0.5), drill["p50"]),
        "p95 (s)": (found.wait(0.95), drill["p95"]),
    }
    lines = ["| | simulated | measured |", "| --- | --- | --- |"]
    return "\n".join(
        [*lines, *(f"| {name} | {a:.2f} | {b:.2f} |" for name, (a, b) in rows.items())]
    )


def main() -> None:
    """Print the table of the fleets, or the comparison with a drill."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--slices", type=int, default=40)
    parser.add_argument("--check", type=Path, help="figures that tests/drills/drill_rush.py wrote")
    asked = parser.parse_args()
    print(check(asked.check) if asked.check else fleets(asked.slices))


if __name__ == "__main__":
    main()
