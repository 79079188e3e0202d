"""Dependencies: what we chose is locked, with all that it needs, to files known by their hashes."""

import importlib.util

import pytest

from tools import lock

pytestmark = pytest.mark.only_on("sqlite")  # no database has a part in this: once is enough

DIGEST = "sha256:" + "0" * 64
GOOD = f"django==5.2.19 \\\n    --hash={DIGEST}\n    # via -r requirements.in\n"
WRONG = [
    ("django==5.2.18", GOOD, "lacks django==5.2.18"),
    ("tzdata==2026.6", GOOD, "lacks tzdata==2026.6"),
    ("django==5.2.19", "django==5.2.19\n", "no hash for django"),
    ("django==5.2.19", f"--index-url https://example.org/simple\n{GOOD}", "names a place"),
    ("django==5.2.19", f"--find-links ./wheels\n{GOOD}", "names a place"),
    ("django==5.2.19", f"# from file:///tmp/wheels\n{GOOD}", "names a place"),
]


def test_psycopg_3_is_absent_since_django_would_silently_switch_to_it() -> None:
    assert importlib.util.find_spec("psycopg") is None
    assert "psycopg" not in lock.locked((lock.ROOT / "requirements-dev.txt").read_text())


def test_the_locks_hold_what_was_chosen_with_hashes_and_no_place_to_get_it_from() -> None:
    assert lock.check() == []


@pytest.mark.parametrize(("asked", "text", "fault"), WRONG)
def test_a_lock_that_is_stale_bare_or_bound_to_a_place_is_told(
    asked: str, text: str, fault: str
) -> None:
    assert any(fault in said for said in lock.faults("requirements", asked, text))


def test_a_lock_that_is_right_has_no_fault() -> None:
    assert lock.faults("requirements", "Django==5.2.19  # the newest LTS", GOOD) == []


def test_the_two_locks_would_install_the_same_files() -> None:
    other = GOOD.replace("0" * 64, "1" * 64)
    assert lock.disagreements(GOOD, GOOD) == []
    assert lock.disagreements(GOOD, other) == ["requirements-dev.txt has another django"]


@pytest.mark.parametrize("line", ["django>=5.2", "django", "django==5.2.*", "django==5.2,!=5.3"])
def test_what_is_not_pinned_exactly_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not pinned exactly"):
        lock.chosen(line)
    with pytest.raises(ValueError, match="not pinned exactly"):
        lock.locked(line)
