"""The requests that a worker's threads answer, and those that wait for a thread."""

MAX_WAIT = 1.0  # seconds that a new request may have to wait, by the pace of the last answers
LONGEST_WAIT = 3.0  # seconds after which a thread refuses a request that waited after all
WEIGHT = 0.1  # of the newest gap between two answers in their mean
FIRST_PACE = 0.01  # seconds between two answers, before there are any
LOGGED_EVERY = 10.0  # seconds
PROBES = (b"/healthz", b"/readyz")  # a server that is busy lives, and must not be replaced


class Backlog:
    """How many requests wait, and for how long the next one would. The worker's loop calls it.

    By Little's law a request waits as long as the requests before it take to be answered. `pace` is
    the mean time between two answers while requests wait; it counts cheap and dear ones as they
    come.
    """

    def __init__(self, threads: int, max_wait: float = MAX_WAIT, pace: float = FIRST_PACE) -> None:
        self.threads, self.max_wait, self.pace = threads, max_wait, pace
        self.size = self.refused = 0
        self._ended_at = self._logged_at = 0.0

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return max(0, self.size - self.threads)

    @property
    def is_full(self) -> bool:
        """Whether a new request would have to wait too long."""
        return self.waiting * self.pace > self.max_wait

    def admits(self, line: bytes) -> bool:
        """Whether a request with this line may wait; counts a refusal."""
        if not self.is_full or is_probe(line):
            return True
        self.refused += 1
        return False

    def begin(self) -> None:
        """Count a request that a thread gets, now or later."""
        self.size += 1

    def end(self, now: float, was_answered: bool) -> None:
        """Count a request less; one that was refused says nothing of the pace."""
        if self.waiting and was_answered and self._ended_at:
            self.pace += WEIGHT * (now - self._ended_at - self.pace)
        self.size -= 1
        self._ended_at = now if self.waiting else 0.0

    def refused_since_logged(self, now: float) -> int:
        """Return how many requests were refused since the last log line, if one is due; else 0."""
        if not self.refused or now < self._logged_at + LOGGED_EVERY:
            return 0
        self._logged_at, count, self.refused = now, self.refused, 0
        return count


def is_probe(line: bytes) -> bool:
    """Whether the request line names a health check."""
    return line.partition(b" ")[2].partition(b" ")[0].partition(b"?")[0] in PROBES
