"""A reader follows an API call through few files; `make hops` prints where each call goes."""

import sys

import pytest
from django.utils import timezone

from doctor.models import Doctor
from tools.hops import Clinic, Entry, Trace, trace, trace_request

# A patient's calls. Canceling and moving pass the permission on override reasons, which staff give.
MOST_DOMAIN_FILES = {"book": 10, "cancel": 10, "reschedule": 14, "available-slots": 7}
MOST_MOVES = {"book": 16, "cancel": 14, "reschedule": 28, "available-slots": 11}


@pytest.fixture(params=[False, True], ids=["without_rules", "with_rules"])
def clinic(request: pytest.FixtureRequest, db: None) -> Clinic:
    """Make a clinic at a location without booking rules, or at one with all of them."""
    return Clinic(rules=request.param)


@pytest.mark.parametrize("call", MOST_DOMAIN_FILES)
def test_a_call_enters_few_domain_files(call: str, clinic: Clinic) -> None:
    traced = trace_request(call, clinic)
    count = len(traced.domain_files)  # named, so that pytest does not print the whole trace
    assert count <= MOST_DOMAIN_FILES[call], stays(traced)


@pytest.mark.parametrize("call", MOST_MOVES)
def test_a_call_makes_few_moves_between_domain_files(call: str, clinic: Clinic) -> None:
    traced = trace_request(call, clinic)
    moves = traced.moves
    assert moves <= MOST_MOVES[call], stays(traced)


def stays(traced: Trace) -> str:
    """List the domain files in the order in which the call enters them, one a line."""
    return "\n".join(f"{stay.file} {stay.function}" for stay in traced.path)


# --- The tracer -----------------------------------------------------------------------------------


def test_moves_and_returns_count_changes_of_domain_file() -> None:
    traced = Trace(
        (
            Entry("config/middleware.py", "ApiMiddleware.__call__"),
            Entry("appointment/views.py", "BookView.post"),
            Entry("appointment/models.py", "book"),
            Entry("accounts/throttles.py", "wait"),
            Entry("appointment/models.py", "take"),
            Entry("appointment/views.py", "answer"),
        )
    )
    assert len(traced.files) == 4
    assert traced.domain_files == {"appointment/views.py", "appointment/models.py"}
    assert [stay.function for stay in traced.path] == ["BookView.post", "book", "answer"]
    assert (traced.moves, traced.returns) == (2, 1)


def test_trace_counts_a_function_of_ours_once() -> None:
    doctor = Doctor(title="Dr.", first_name="Ana", last_name="Ruiz")
    traced = trace(lambda: [doctor.name, timezone.now(), doctor.name])
    assert traced.entries == (Entry("doctor/models/doctor.py", "Doctor.name"),)


def test_trace_of_nothing_has_no_moves() -> None:
    traced = trace(lambda: None)
    assert (traced.files, traced.moves, traced.returns) == (set(), 0, 0)


def test_trace_ends_with_a_call_that_fails() -> None:
    with pytest.raises(ZeroDivisionError):
        trace(lambda: 1 / 0)
    assert sys.getprofile() is None
