"""The connection between server and database is slow, breaks, or falls silent."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.drills.load import Answer, Load
from tests.drills.proxy import Proxy
from tests.live import BareServer
from tests.threads import becomes_true

BACK_SECONDS = 5
READY_SECONDS = 4


@dataclass(frozen=True)
class Line:
    """A server, its clients, and the proxy through which it reaches its database."""

    server: BareServer
    load: Load
    proxy: Proxy
    report: Callable[[str], object] = str

    def is_slow(self, delay: float, seconds: float) -> None:
        """Delay each message by this time. Every client gets an answer, some on a second try."""
        self.proxy.delay = delay
        with self.load.running():
            time.sleep(seconds)
        self.proxy.delay = 0
        self.load.assert_kept()
        self.report(f"delay of {delay * 1000:.0f} ms: {self.load.summary()}")

    def breaks(self, times: int) -> None:
        """Reset every connection this number of times, also in mid-request."""
        with self.load.running():
            for _ in range(times):
                time.sleep(0.37)
                self.proxy.reset()
            self._is_back()
        self.load.assert_kept()
        self.load.assert_answers_are_usual()
        self.report(f"{times} resets: {self.load.summary()}")

    def falls_silent(self, seconds: float) -> None:
        """Pass no data for this time. Callers get 503, and none waits too long."""
        with self.load.running():
            time.sleep(1)
            with self.proxy.silence():
                since = time.monotonic()
                status, waited = ready(self.server)
                time.sleep(max(0, since + seconds - time.monotonic()))
            back = self._is_back()
        self._assert_only_503_meanwhile(since, since + seconds)
        assert (status, waited < READY_SECONDS) == (503, True), waited
        self.load.assert_kept()
        answer = (
            f"silence of {seconds:g} s: {self.load.summary()}, longest {self.load.longest():.1f}"
        )
        self.report(f"{answer} s, readyz 503 after {waited:.1f} s, back in {back:.1f} s")

    def _is_back(self) -> float:
        """Wait for an acknowledgement of a request begun from now on. Return how long it took."""
        since = time.monotonic()
        assert becomes_true(lambda: self.load.first_acknowledged(since) < 60, BACK_SECONDS)
        return self.load.first_acknowledged(since)

    def _assert_only_503_meanwhile(self, since: float, until: float) -> None:
        """Assert that answers after 3 s of silence are 503, and that no try takes as long as it.

        One other is right: a refusal that PostgreSQL had given before. It needs no commit, so the
        server waits in vain for its rollback alone, drops the connection, and refuses.
        """
        self.load.assert_answers_are_usual()
        answers = [each for each in self.load.answers if since + 3 < each.ended < until]
        assert answers
        refused = [each for each in answers if each.status == 409 and each.began < since]
        unavailable = [each for each in answers if each.status == 503]
        others = [_at(each, since) for each in answers if each not in refused + unavailable]
        assert others == [], f"{len(answers)} answers in the silence"
        late = [_at(each, since) for each in self.load.answers if each.seconds >= until - since]
        assert late == [], f"{len(self.load.answers)} answers in all"


def _at(answer: Answer, since: float) -> str:
    """Describe an answer, with its times in seconds from the instant."""
    what = answer.fault or f"{answer.status} {answer.code or ''}".strip()
    return f"{what}, asked at {answer.began - since:+.2f} s, given at {answer.ended - since:+.2f} s"


def ready(server: BareServer) -> tuple[int, float]:
    """Return the status of /readyz, and the seconds that it took."""
    began = time.monotonic()
    try:
        with urlopen(server.base + "/readyz", timeout=30) as answer:
            status = answer.status
    except HTTPError as refusal:
        status = refusal.code
    except URLError:
        status = 0
    return status, time.monotonic() - began
