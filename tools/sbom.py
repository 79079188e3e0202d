"""`make sbom`: the bill of materials of what is installed, in CycloneDX, at `var/sbom.json`.

Its versions are those of the lock, its licenses those that the packages declare. What runs has the
scope `required`, what only tests and checks need `excluded`. The same installation gives the same
bytes.
"""

import json
import subprocess  # nosec B404  # to run cyclonedx-py with fixed words
import sys
from collections.abc import Container
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from tools.lock import ROOT, chosen, locked

TARGET = ROOT / "var" / "sbom.json"
COMMAND = (
    sys.executable, "-m", "cyclonedx_py", "environment", sys.executable, "--spec-version=1.6",
    "--pyproject=pyproject.toml", "--output-reproducible", "--output-format=JSON", "--no-validate",
)  # fmt: skip


def described() -> dict[str, Any]:
    """What is installed beside this Python, as CycloneDX tells it."""
    done = subprocess.run(  # nosec B603  # fixed words
        COMMAND, cwd=ROOT, capture_output=True, text=True, check=True
    )
    bill: dict[str, Any] = json.loads(done.stdout)
    return bill


def with_scopes(bill: dict[str, Any], runtime: Container[str]) -> dict[str, Any]:
    """The same bill, each package of which says whether it runs or only checks."""
    for component in bill["components"]:
        component["scope"] = "required" if normal(component) in runtime else "excluded"
    return bill


def rooted(bill: dict[str, Any], chosen: Container[str]) -> dict[str, Any]:
    """The same bill, in which the project depends on what it chose to run with."""
    root = bill["metadata"]["component"]["bom-ref"]
    first = [one["bom-ref"] for one in bill["components"] if normal(one) in chosen]
    others = [one for one in bill["dependencies"] if one["ref"] != root]
    bill["dependencies"] = [*others, {"ref": root, "dependsOn": sorted(first)}]
    return bill


def normal(component: dict[str, Any]) -> str:
    """The normal name of a package."""
    return canonicalize_name(component["name"])


def whole() -> dict[str, Any]:
    """The whole bill."""
    asked, lock = ((ROOT / name).read_text() for name in ("requirements.in", "requirements.txt"))
    return rooted(with_scopes(described(), locked(lock)), chosen(asked))


def main() -> int:
    """Write the bill, if it is as CycloneDX wants it; that takes most of the time."""
    bill = whole()
    text = json.dumps(bill, indent=2, sort_keys=True) + "\n"
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        print(fault)
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text)
    scopes = [one["scope"] for one in bill["components"]]
    print(f"{TARGET.relative_to(ROOT)}: {scopes.count('required')} of {len(scopes)} packages run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
