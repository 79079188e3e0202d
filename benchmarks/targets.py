"""The targets of docs/performance.md, and whether a run meets each.

The ratios to a no-op are given twice: to the bare one (Django and REST framework alone), and to the
one behind the product's own middleware. The first is the stricter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Spread, of_row, ratio, spread

Results = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """A figure that a row must reach: at least or at most `bound`.

    `reads`: takes the figure from the results; None where it was not measured. `row`: the row whose
    failure is a miss.
    """

    work: str
    wanted: str
    row: str
    reads: Callable[[Results], Spread | None]
    bound: float
    at_least: bool = True
    form: str = ".2f"

    def judge(self, results: Results) -> "Verdict":
        """Return the figure of a run and whether it meets the target."""
        failure = results["failures"].get(self.row)
        found = None if failure else self.reads(results)
        if found is None:
            return Verdict(self, None, False if failure else None, failure or "not measured")
        good = found.median >= self.bound if self.at_least else found.median <= self.bound
        text = format(found.median, self.form)
        if found.least != found.greatest:
            low, high = (format(each, self.form) for each in (found.least, found.greatest))
            text = f"{text} ({low} to {high})"
        return Verdict(self, found, good, text)


@dataclass(frozen=True)
class Verdict:
    """What a run says of a target; `met` is None where it was not measured."""

    target: Target
    value: Spread | None
    met: bool | None
    text: str


# --- Where the figures stand in the results -------------------------------------------------------


def to(row: str, base: str, name: str = "rate") -> Callable[[Results], Spread | None]:
    """Return a reader of the ratio of two rows, round by round."""
    return lambda results: ratio(results["samples"], row, base, name)


def probed(row: str, name: str) -> Callable[[Results], Spread | None]:
    """Return a reader of the statements or buffers of a request."""
    return lambda results: exact(results["probes"].get(row, {}).get(name))


def burst(
    name: str, figure: Callable[[Mapping[str, float], Results], float | None]
) -> Callable[[Results], Spread | None]:
    """Return a reader of a figure of the races or the sign-ins."""

    def reads(results: Results) -> Spread | None:
        found = results["bursts"].get(name)
        return exact(figure(found, results)) if found else None

    return reads


def exact(value: float | None) -> Spread | None:
    """Return a figure that was measured once."""
    return None if value is None else spread([value])


def slowest_of_race(found: Mapping[str, float], results: Results) -> float | None:
    """Return the slowest answer of all races, in median bookings of 64 clients."""
    usual = of_row(results["samples"], "book_64", "p50")
    return found["slowest"] / usual.median if usual else None


def memory(results: Results) -> Spread | None:
    """Return MB of each worker at the end, shared pages counted in each."""
    return spread([worker["rss"] for worker in results["memory"]["last"]])


def memory_growth(results: Results) -> Spread | None:
    """Return the memory of the workers at the end, in that after the first round."""
    first, last = (
        sum(each["rss"] for each in results["memory"][when]) for when in ("first", "last")
    )
    return exact(last / first)


# --- The targets ----------------------------------------------------------------------------------


def of_noops(work: str, row: str, bound: float) -> tuple[Target, Target]:
    """Return the targets that a row reaches this share of either no-op."""
    wanted = f"≥ {bound:g} of the DRF no-op"
    return (
        Target(work, f"{wanted}, bare", row, to(row, "bare"), bound, form=".3f"),
        Target(
            work, f"{wanted} behind the same middleware", row, to(row, "noop"), bound, form=".3f"
        ),
    )


SLOTS = "200 free slots of a doctor, 14 days"
UNCHANGED = "the same, If-None-Match, unchanged"
SOONEST = "soonest slots over all doctors"
BOOK = "book with key, event and audit"
ONE_DOCTOR = "distinct slots of one doctor, 8 clients"
RACE = "64 for one slot, 15 times, exact"
MINE = "my appointments with 2,000 past"
SIGN_INS = "32 sign-ins at once"
# fmt: off
TARGETS = (
    *of_noops(SLOTS, "slots", 0.25),
    Target(SLOTS, "≥ 5 times the ModelSerializer twin", "slots", to("slots", "plain_slots"), 5),
    Target(SLOTS, "≤ 2 statements", "slots", probed("slots", "statements"), 2, False, ".1f"),
    Target(SLOTS, "≤ 30 buffers", "slots", probed("slots", "buffers"), 30, False, ".1f"),
    *of_noops(UNCHANGED, "unchanged", 0.6),
    Target(SOONEST, "≤ 60 buffers", "soonest", probed("soonest", "buffers"), 60, False, ".1f"),
    Target(SOONEST, "p95 ≤ 3 times the list", "soonest", to("soonest", "slots", "p95"), 3, False),
    Target(
        SOONEST, "later pages as fast: p50 at most 1.15 times", "soonest_later",
        to("soonest_later", "soonest_100", "p50"), 1.15, False,
    ),
    *of_noops("authenticated no-op", "signed_in", 0.4),
    *of_noops(BOOK, "book", 0.15),
    Target(BOOK, "≥ 4 times what stood before", "book", to("book", "before_book"), 4),
    Target(BOOK, "≤ 8 statements", "book", probed("book", "statements"), 8, False, ".1f"),
    Target(
        BOOK, "≤ 10 statements with a reason", "book_reason",
        probed("book_reason", "statements"), 10, False, ".1f",
    ),
    Target(BOOK, "64 clients ≥ 0.9 of 16", "book_64", to("book_64", "book"), 0.9),
    Target(
        ONE_DOCTOR, "≥ 0.8 of distinct doctors, none refused", "book_one_doctor",
        to("book_one_doctor", "book_8"), 0.8,
    ),
    Target(
        RACE, "slowest ≤ 3 times the median booking at 64", "races",
        burst("races", slowest_of_race), 3, False,
    ),
    *of_noops("refused booking (full)", "refused", 0.2),
    Target(MINE, "≤ 4 statements", "mine_2000", probed("mine_2000", "statements"), 4, False, ".1f"),
    Target(
        MINE, "p95 flat from 10 to 2,000: at most 1.15 times", "mine_2000",
        to("mine_2000", "mine_10", "p95"), 1.15, False,
    ),
    Target(
        SIGN_INS, "≤ 300 MB more", "sign_ins",
        burst("sign_ins", lambda found, _: found["memory_more"]), 300, False, ".0f",
    ),
    Target(
        SIGN_INS, "others' p95 ≤ 3 times idle", "sign_ins",
        burst("sign_ins", lambda each, _: each["others_p95"] / each["others_idle_p95"]), 3, False,
    ),
    Target("memory", "≤ 120 MB a worker", "memory", memory, 120, False, ".0f"),
    Target("memory", "flat: at most 1.05 times", "memory", memory_growth, 1.05, False),
    Target("start", "ready in 3 s", "start", lambda results: spread(results["start"]), 3, False),
)
# fmt: on


def verdicts(results: Results) -> list[Verdict]:
    """Return what the run says of each target."""
    return [target.judge(results) for target in TARGETS]
