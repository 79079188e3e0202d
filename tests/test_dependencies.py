"""The dependencies: the report of `make audit`, and the rules for the lock files."""

import importlib.util
import json
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.clients import __main__ as clients
from tools.audit import Report, audit, main

pytestmark = pytest.mark.only_on("sqlite")  # no database has a part in this: once is enough

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements", "requirements-dev", "requirements-clients")
FLAW = {"id": "PYSEC-2026-1", "fix_versions": ["5.2.20"]}
SOUND: dict[str, Any] = {"name": "tzdata", "version": "2026.6", "vulns": []}
VULNERABLE: dict[str, Any] = {"name": "django", "version": "5.2.19", "vulns": [FLAW]}
UNKNOWN = {"name": "attrs", "skip_reason": "not found"}


def audit_printing(output: str) -> Report:
    """Return the report for a pip-audit with this standard output."""
    return audit([sys.executable, "-c", f"print({output!r})"])


# --- The audit ------------------------------------------------------------------------------------


def test_a_known_vulnerability_names_the_release_that_fixes_it() -> None:
    report = audit_printing(json.dumps({"dependencies": [VULNERABLE, SOUND, UNKNOWN]}))
    assert str(report) == (
        "Audited 3 packages, no answer on attrs: 1 vulnerable.\n"
        "django 5.2.19: PYSEC-2026-1, fixed in 5.2.20"
    )


@pytest.mark.parametrize("output", [json.dumps({"dependencies": [UNKNOWN]}), "", "Traceback ..."])
def test_an_audit_without_any_answer_is_not_called_clean(output: str) -> None:
    assert "NOT AUDITED ONLINE" in str(audit_printing(output))


def test_an_audit_that_hangs_is_ended() -> None:
    hangs = [sys.executable, "-c", "import threading; threading.Event().wait()"]
    assert "NOT AUDITED ONLINE" in str(audit(hangs, seconds=0.1))


@pytest.mark.parametrize(("report", "status"), [(Report([]), 0), (Report(["django"], 2), 1)])
def test_only_a_vulnerability_fails_the_step(
    report: Report, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.audit.audit", lambda: report)
    assert main() == status


# --- The lock files (`make lint` compares them with the .in files and the installed packages) -----


def test_psycopg_3_is_absent_since_django_would_silently_switch_to_it() -> None:
    assert importlib.util.find_spec("psycopg") is None
    assert not re.search(r"^psycopg==", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_each_package_with_a_hash_and_names_no_place_to_get_it_from(name: str) -> None:
    lock = (ROOT / f"{name}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in lock.splitlines() if line.strip() and not line.startswith(" ")]
    packages = [line for line in lines if not line.startswith("#")]
    assert packages
    assert [line for line in packages if not re.match(r"\S+==[\w.]+ .*--hash=sha256:", line)] == []
    assert re.findall(r"://| @ ", lock) == []


@pytest.mark.parametrize("name", LOCKS)
def test_every_chosen_package_is_pinned_exactly(name: str) -> None:
    lines = (ROOT / f"{name}.in").read_text().splitlines()
    chosen = [line for line in lines if line and not line.startswith(("#", "-"))]
    assert chosen
    assert [line for line in chosen if not re.match(r"[\w.\[\]-]+==\d[\w.]*(\s|$)", line)] == []


def test_the_packages_of_npm_are_pinned_exactly_and_locked_with_hashes() -> None:
    folder = ROOT / "tests" / "clients"
    chosen = json.loads((folder / "package.json").read_text())
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]
    for wanted in (chosen["dependencies"], chosen["devDependencies"]):
        assert all(re.fullmatch(r"\d[\w.]*", version) for version in wanted.values())
        assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    own = lock.pop("")
    assert own["dependencies"] == chosen["dependencies"]
    assert [name for name, package in lock.items() if "integrity" not in package] == []
    assert [name for name, package in lock.items() if "resolved" in package] == []


@pytest.mark.parametrize("program", ["node", "npm", "java"])
def test_make_clients_names_the_program_that_it_lacks(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else name)
    monkeypatch.setattr(clients, "node_version", lambda: (20, 19))
    with pytest.raises(SystemExit, match=f"make clients needs .*{program}") as refused:
        clients.main()
    assert str(refused.value).endswith("every other target works without.")


def test_the_api_document_has_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert settings.SPECTACULAR_SETTINGS["VERSION"] == project["version"]
