"""What the audit says of a report, the bill of materials, and how code is made ready to mutate."""

import json
import sys
import tomllib
from typing import Any

import pytest
from django.conf import settings

from tools import audit, lock, mutation, sbom

pytestmark = pytest.mark.only_on("sqlite")  # no database has a part in this: once is enough

FLAW = {"id": "PYSEC-2026-1", "fix_versions": ["5.2.20"]}
SOUND: dict[str, Any] = {"name": "tzdata", "version": "2026.6", "vulns": []}
VULNERABLE: dict[str, Any] = {"name": "django", "version": "5.2.19", "vulns": [FLAW]}
UNKNOWN = {"name": "attrs", "skip_reason": "not found"}


def says(report: str) -> audit.Verdict:
    """The verdict where pip-audit would print this."""
    return audit.advisories("lock", [sys.executable, "-c", f"print({report!r})"])


def report(*packages: dict[str, Any]) -> audit.Verdict:
    """The verdict on a report of these."""
    return says(json.dumps({"dependencies": packages}))


# --- The audit ------------------------------------------------------------------------------------


def test_a_known_vulnerability_is_a_failure_that_names_the_release_without_it() -> None:
    verdict = report(VULNERABLE, SOUND, UNKNOWN)
    assert verdict.vulnerable == ["django 5.2.19: PYSEC-2026-1, mended in 5.2.20"]
    assert audit.told(verdict) == "Advisories asked of 3 packages, nothing of attrs: 1 found."


@pytest.mark.parametrize("said", [json.dumps({"dependencies": [UNKNOWN]}), "", "Traceback ..."])
def test_where_nothing_is_learned_of_any_package_the_audit_says_so_aloud(said: str) -> None:
    assert "NOT AUDITED ONLINE" in audit.told(says(said))


def test_an_audit_that_hangs_is_ended() -> None:
    hangs = [sys.executable, "-c", "import threading; threading.Event().wait()"]
    assert audit.advisories("lock", hangs, seconds=0.1).out_of_reach


def test_a_vulnerability_fails_the_step_and_silence_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit, "conflicts", list)
    monkeypatch.setattr(audit, "online", lambda: audit.Verdict([]))
    assert audit.main() == 0
    monkeypatch.setattr(audit, "online", lambda: report(VULNERABLE))
    assert audit.main() == 1


def test_what_is_installed_is_what_is_locked() -> None:
    locked = lock.locked((lock.ROOT / "requirements-dev.txt").read_text())
    assert audit.strangers(audit.versions(), locked) == []


def test_another_version_a_missing_one_and_a_stranger_are_told() -> None:
    locked = {
        name: lock.Locked(name, "1", marker, frozenset())
        for name, marker in [("old", ""), ("gone", ""), ("windows", "sys_platform == 'win32'")]
    }
    assert audit.strangers({"old": "2", "strange": "3", "pip": "1"}, locked) == [
        "old is 2, locked is 1",
        "gone is missing, locked is 1",
        "strange 3 is installed and not locked",
    ]


# --- The bill of materials ------------------------------------------------------------------------


def test_the_bill_names_the_project_what_runs_and_what_it_chose() -> None:
    bill = sbom.whole()
    chosen = lock.chosen((lock.ROOT / "requirements.in").read_text())
    required = {sbom.normal(one) for one in bill["components"] if one["scope"] == "required"}
    root = bill["metadata"]["component"]
    [needs] = [one for one in bill["dependencies"] if one["ref"] == root["bom-ref"]]
    assert (root["name"], root["version"]) == ("clinic-appointments", version())
    assert required == set(lock.locked((lock.ROOT / "requirements.txt").read_text()))
    assert len(needs["dependsOn"]) == len(chosen)


def version() -> str:
    """The project's version."""
    text = (lock.ROOT / "pyproject.toml").read_text()
    return str(tomllib.loads(text)["project"]["version"])


def test_the_api_document_bears_the_version_of_the_project() -> None:
    assert settings.SPECTACULAR_SETTINGS["VERSION"] == version()


# --- The mutants ----------------------------------------------------------------------------------


def test_a_decorator_is_called_after_its_function_so_that_mutmut_mutates_it() -> None:
    source = "class A:\n    @outer\n    @inner(1)\n    def f(self):\n        return 1\n"
    bare = "class A:\n    def f(self):\n        return 1\n    f = outer(inner(1)(f))\n"
    assert mutation.prepared(source, ()) == bare


def test_what_is_not_chosen_is_not_mutated_and_what_mutmut_knows_stays() -> None:
    source = "def f():\n    def inner(): pass\n@classmethod\ndef g(): pass\n"
    other = "def h(\n) -> None:\n    pass\n"
    ready = mutation.prepared(source + other, ("f", "g"))
    assert ready == source + other.replace("None:", f"None:{mutation.PRAGMA}")
