"""`make clients`: generate clients from the OpenAPI document, and let them book at a real clinic.

Two linters read the document. openapi-typescript, hey-api and openapi-python-client make clients,
which compile and book. openapi-generator makes Kotlin sources, which parse. Everything is made in
var/clients/ and stays there to be looked at.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import database  # noqa: F401  (tests.live needs it to be loaded first)
from tests.live import ROOT, Server

HERE = Path(__file__).parent
WORK = ROOT / "var" / "clients"
PYTHON = WORK / "venv" / "bin"
DOCUMENT = WORK / "openapi.json"
COPIED = ("*.json", "*.yaml", "*.ts", ".npmrc")
NEEDED = {"node": "Node.js (node) 20.19", "npm": "npm 10", "java": "Java (java) 11"}
NODE = (20, 19)
SECONDS = 300  # of one step at most
QUIET = {
    "NO_COLOR": "1",
    "DO_NOT_TRACK": "1",
    "REDOCLY_TELEMETRY": "off",
    "SCARF_ANALYTICS": "false",
}
SERVER = {"ENVIRONMENT": "demo", "THROTTLE": "off", "DEBUG": "", "CACHE_URL": ""}
Step = tuple[str, Sequence[str | Path]]

MAKE_TOOLS: tuple[Step, ...] = (
    ("the packages of npm", ("npm", "ci", "--no-progress", "--loglevel=error")),
    ("an environment", (Path(sys.executable).with_name("uv"), "venv", "-q", "--clear", "venv")),
    (
        "the packages of Python",
        (Path(sys.executable).with_name("uv"), "pip", "install", "-q", "--python", "venv",
         "--require-hashes", "-r", ROOT / "requirements-clients.txt"),
    ),
    (
        "the document",
        (sys.executable, ROOT / "manage.py", "spectacular", "--validate", "--fail-on-warn",
         "--format=openapi-json", f"--file={DOCUMENT}"),
    ),
)  # fmt: skip
GENERATE: tuple[Step, ...] = (
    (
        "spectral",
        ("npx", "spectral", "lint", "--ruleset=spectral.yaml", "--fail-severity=warn", DOCUMENT),
    ),
    ("redocly", ("npx", "redocly", "lint", "--config=redocly.yaml", DOCUMENT)),
    (
        "openapi-typescript",
        ("npx", "openapi-typescript", DOCUMENT, "-o", "generated/openapi_typescript.ts"),
    ),
    ("hey-api", ("npx", "openapi-ts", "-i", DOCUMENT, "-o", "generated/hey_api")),
    ("tsc", ("npx", "tsc", "--project", ".")),
    (
        "openapi-python-client",
        (PYTHON / "openapi-python-client", "generate", "--fail-on-warning", "--overwrite",
         "--path", DOCUMENT, "--output-path", "generated/python"),
    ),
    (
        "openapi-generator's Kotlin",
        (PYTHON / "openapi-generator-cli", "generate", "-g", "kotlin", "-i", DOCUMENT,
         "-o", "generated/kotlin"),
    ),
    ("its sources", (PYTHON / "python", HERE / "kotlin.py", "generated/kotlin")),
)  # fmt: skip
BOOK: tuple[Step, ...] = (
    ("openapi-typescript books", ("node", "compiled/openapi_fetch.js")),
    ("hey-api books", ("node", "compiled/hey_api.js")),
    ("openapi-python-client books", (PYTHON / "python", HERE / "python_client.py")),
)


def missing() -> list[str]:
    """Return what this machine lacks, in words."""
    lacking = [words for name, words in NEEDED.items() if shutil.which(name) is None]
    if NEEDED["node"] not in lacking and node_version() < NODE:
        lacking.append(NEEDED["node"])
    return lacking


def node_version() -> tuple[int, ...]:
    """Return the major and the minor version of Node.js."""
    answer = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    return tuple(int(part) for part in answer.stdout.strip().lstrip("v").split("."))[:2]


def run(steps: Sequence[Step], **variables: str) -> None:
    """Run the steps in order; exit with the output of the first that fails."""
    path = os.pathsep.join([str(PYTHON), os.environ.get("PATH", os.defpath)])
    python = {"PYTHONPATH": str(WORK / "generated" / "python")}
    environ = {**os.environ, "PATH": path, **python, **QUIET, **SERVER, **variables}
    for name, command in steps:
        sys.stdout.write(f"=== {name}\n")
        sys.stdout.flush()
        done = subprocess.run(
            [str(part) for part in command],
            cwd=WORK,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{done.stdout[-5000:]}\nFAILED: {name}")
        if steps is BOOK:
            sys.stdout.write(done.stdout)


def main() -> None:
    """Make the tools, the document and the clients, and let the clients book."""
    if lacking := missing():
        needed = f"make clients needs {' and '.join(lacking)} or newer"
        sys.exit(f"{needed}; every other target works without.")
    shutil.rmtree(WORK / "generated", ignore_errors=True)
    (WORK / "generated").mkdir(parents=True)
    for pattern in COPIED:
        for file in HERE.glob(pattern):
            shutil.copy(file, WORK)
    run(MAKE_TOOLS)
    run(GENERATE)
    with TemporaryDirectory() as folder:
        place = Path(folder)
        clinic = Server(f"sqlite:///{place}/clinic.sqlite3", place / "log", **SERVER)
        with clinic.running():
            run(BOOK, CLINIC=clinic.base)
    sys.stdout.write("All clients compile, and three of them booked.\n")


if __name__ == "__main__":
    main()
