"""`make mutants`: change the code that guards, one change at a time, and see a test fail for each.

On SQLite, in a copy of the project in `var/mutants`, which remembers: a second run tests only what
changed, and what survived. docs/mutants.md names the survivors; one more, or fewer than nine in
ten killed, is a failure.
"""

import os
import shutil
import subprocess  # nosec B404  # to run git, mutmut and manage.py with fixed words
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tools.lock import ROOT
from tools.mutation import prepared

PLACE = ROOT / "var" / "mutants"
REGISTER = ROOT / "docs" / "mutants.md"
ENOUGH = 0.9
DEAD = {"killed", "timeout"}
# What decides who may, who sees, who gets the place and what is done twice. Without names: all.
TARGETS: dict[str, tuple[str, ...]] = {
    "accounts/permissions.py": (),
    "accounts/models/user.py": ("is_staff_with",),
    "appointment/permissions.py": (),
    "appointment/models/querysets.py": (
        "active", "upcoming", "holding_a_place", "overlapping", "visible_to", "concerning",
        "book_own", "of_treatment_by",
    ),
    "appointment/models/line.py": ("visible_to",),
    "doctor/models/schedule.py": ("visible_to",),
    "patient/models/patient.py": (
        "own_of", "dependents_of", "cared_for_by", "whose_history_is_open_to", "meant_by", "lock",
        "lock_for", "lock_own", "_locking", "_lock_account",
    ),
    "patient/models/history.py": ("visible_to", "readable_by", "of_patient", "add"),
    "appointment/models/booking.py": (),
    "appointment/models/appointment.py": (
        "_begun_again", "can_cancel", "can_reschedule", "refuse_change", "_in_time", "book",
        "enter", "cancel", "reschedule", "move", "discard", "_discard", "_lock_slot", "_place",
    ),
    "appointment/models/reschedule.py": (),
    "appointment/models/idempotency.py": (),
    # What a decorator does happens at import, before mutmut says which mutant it is.
    "appointment/views/idempotent.py": (
        "_once", "_key_of", "fingerprint_of", "_digest", "_stored", "_response",
    ),
    "doctor/models/booking_rules.py": (
        "__post_init__", "for_anyone", "reason", "_not_booked", "_no_overlap", "_open",
        "_not_begun", "_with_notice", "_within_horizon", "_under_limit", "_with_a_place",
        "_merged",
    ),
    "doctor/models/slot.py": (
        "bookable_in", "bookable", "of_key", "overlapping", "of_active_doctor", "lock", "take",
        "release", "refusal", "_context_for_anyone",
    ),
}  # fmt: skip


def copy_project() -> None:
    """Bring the copy up to date; what is the same keeps its time, so that mutmut skips it."""
    listed = subprocess.run(  # nosec B603 B607  # fixed words; git is where it is
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in filter(lambda name: (ROOT / name).is_file(), listed):
        text = (ROOT / name).read_bytes()
        if name in TARGETS:
            text = prepared(text.decode(), TARGETS[name]).encode()
        write(PLACE / name, text)


def write(path: Path, text: bytes) -> None:
    """Write the file if that changes it."""
    if not path.is_file() or path.read_bytes() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)


def run_mutmut() -> int:
    """Migrate a file for all runs to copy, then mutate and test."""
    template = PLACE / "var" / "template.sqlite3"
    template.unlink(missing_ok=True)
    template.parent.mkdir(exist_ok=True)
    settings = {"DATABASE_URL": f"sqlite:///{template}", "MUTANTS_TEMPLATE": str(template)}
    env = {**os.environ, **settings, "ENVIRONMENT": "demo", "CACHE_URL": "locmemcache://"}
    for command in (["manage.py", "migrate", "-v0"], ["-m", "tools.mutation"]):
        done = subprocess.run(  # nosec B603  # fixed words
            [sys.executable, *command], cwd=PLACE, env=env, check=False
        )
        if done.returncode:
            break
    return done.returncode


def verdicts() -> Iterator[tuple[str, str, str]]:
    """File, mutant and what became of it."""
    # mutmut reads its configuration when it is imported.
    from mutmut.mutation.data import SourceFileMutationData  # noqa: PLC0415  (see above)
    from mutmut.stats import status_by_exit_code  # noqa: PLC0415  (see above)

    os.chdir(PLACE)
    for name in TARGETS:
        data = SourceFileMutationData(path=Path(name))
        data.load()
        for mutant, code in data.exit_code_by_key.items():
            yield name, mutant, status_by_exit_code[code]


def report() -> int:
    """Print the share that died, file by file, and the survivors that nobody has named."""
    found = list(verdicts())
    total, dead = Counter(name for name, _, _ in found), Counter[str]()
    for name, _, verdict in found:
        dead[name] += verdict in DEAD
    for name in TARGETS:
        print(f"{dead[name]:5} of {total[name]:4} killed  {name}")
    alive = [f"{mutant}: {verdict}" for _, mutant, verdict in found if verdict not in DEAD]
    share = dead.total() / max(total.total(), 1)
    print(f"{dead.total()} of {total.total()} mutants killed, {share:.1%}; {len(alive)} alive")
    return bool(unnamed(alive)) or share < ENOUGH


def unnamed(alive: list[str]) -> list[str]:
    """Those of which docs/mutants.md gives no reason, printed."""
    known = REGISTER.read_text()
    new = [said for said in alive if f"`{said.split(':')[0]}`" not in known]
    print("\n".join(["Not in docs/mutants.md:", *new] if new else ["docs/mutants.md names each."]))
    return new


def main() -> int:
    """Run, and report."""
    copy_project()
    shutil.rmtree(PLACE / "mutants" / "tests", ignore_errors=True)  # mutmut deletes nothing there
    return run_mutmut() or report()


if __name__ == "__main__":
    sys.exit(main())
