"""The lock: `requirements*.in` say what we chose, `requirements*.txt` all that it needs, by hash.

`make lock` makes the one of the other; `python -m tools.lock` says where they disagree, and needs
no network for it.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
SETS = ("requirements", "requirements-dev")
HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")
# A lock that names an index, a file or a folder would install from there, or nowhere else.
PLACE = re.compile(r"^.*(?:://| @ ).*|^\s*-(?!-hash).*", re.MULTILINE)


@dataclass(frozen=True)
class Locked:
    """One package of a lock: its only version, and the files that may be installed as it."""

    name: str
    version: str
    marker: str
    hashes: frozenset[str]

    def files(self) -> tuple[str, frozenset[str]]:
        """What would be installed of it."""
        return self.version, self.hashes


def statements(text: str) -> list[str]:
    """The lines of a requirements file, joined where a backslash goes on, without comments."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines) if line]


def packages(text: str) -> list[str]:
    """The statements that name a package; the others are options to pip."""
    return [line for line in statements(text) if not line.startswith("-")]


def locked(text: str) -> dict[str, Locked]:
    """The packages of a lock by their normal names; raises ValueError for a loose one."""
    return {package.name: package for package in map(read, packages(text))}


def read(line: str) -> Locked:
    """One line of a lock, with its hashes."""
    requirement = Requirement(line.partition("--hash")[0].strip())
    marker = str(requirement.marker or "")
    return Locked(*pin(requirement), marker, frozenset(HASH.findall(line)))


def pin(requirement: Requirement) -> tuple[str, str]:
    """Its normal name and its only version; raises ValueError where that is not said."""
    [*specifiers] = requirement.specifier
    if [one.operator for one in specifiers] != ["=="] or "*" in specifiers[0].version:
        raise ValueError(f"{requirement} is not pinned exactly")
    return canonicalize_name(requirement.name), specifiers[0].version


def chosen(text: str) -> dict[str, str]:
    """What a `.in` asks for: versions by name. Raises ValueError for one that is not pinned."""
    return dict(pin(Requirement(line)) for line in packages(text))


def faults(name: str, asked: str, lock: str) -> list[str]:
    """Where the lock does not say what was chosen, or less than pip needs to verify it."""
    held = locked(lock)
    missing = [
        f"{name}.txt lacks {package}=={version}: run `make lock`"
        for package, version in chosen(asked).items()
        if package not in held or held[package].version != version
    ]
    bare = [f"{name}.txt: no hash for {one.name}" for one in held.values() if not one.hashes]
    places = [f"{name}.txt names a place: {found.strip()}" for found in PLACE.findall(lock)]
    return missing + bare + places


def disagreements(runtime: str, dev: str) -> list[str]:
    """What the one lock would install otherwise than the other; markers may differ."""
    small, large = locked(runtime), locked(dev)
    return [
        f"requirements-dev.txt has another {name}"
        for name, one in small.items()
        if name not in large or one.files() != large[name].files()
    ]


def check(root: Path = ROOT) -> list[str]:
    """Everything wrong with the locks in a folder."""
    texts = {path.name: path.read_text() for path in root.glob("requirements*.*")}
    wrong = disagreements(texts["requirements.txt"], texts["requirements-dev.txt"])
    for name in SETS:
        wrong += faults(name, texts[f"{name}.in"], texts[f"{name}.txt"])
    return wrong


def main() -> int:
    """Say what is wrong, or how much is locked."""
    wrong = check()
    sizes = [len(locked((ROOT / f"{name}.txt").read_text())) for name in SETS]
    print("\n".join(wrong) or "{} packages to run, {} with tests and checks".format(*sizes))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
