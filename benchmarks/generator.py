"""The load: wrk, which sends whole prepared requests from one thread (benchmarks/wrk.lua).

wrk is a program in C of Debian's archive, so that the load takes a small share of the machine. Its
percentiles count a slow answer as often as a client with an open schedule would have met it (wrk
corrects for coordinated omission), which makes p95 and p99 rather too high than too low.
"""

import json
import os
import shutil
import subprocess  # nosec B404  # it starts servers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SCRIPT = Path(__file__).with_name("wrk.lua")
SEPARATOR = b"\x01"
MISSING = (
    "The bench needs wrk, which sends the load, and finds none. On Debian: apt-get install wrk."
)


class Failed(Exception):
    """The bench cannot go on, or a figure would be wrong; the message says why in a sentence."""


@dataclass(frozen=True)
class Load:
    """What one run of wrk has seen. Latencies are milliseconds."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    max: float
    socket_errors: int
    sent: int
    exhausted: int
    statuses: dict[int, int]
    created: list[int] = field(repr=False)
    refused: str = ""
    generator_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Return the answers a second."""
        return self.requests / self.seconds

    def others_than(self, expected: int) -> dict[int, int]:
        """Return how often each other status than the expected one was answered."""
        return {status: count for status, count in self.statuses.items() if status != expected}


def require_wrk() -> str:
    """Return the path of wrk. Root installs Debian's where there is none. Raises Failed."""
    found = shutil.which("wrk")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("No wrk was found: installing Debian's.", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update"], ["-y", "install", "--no-install-recommends", "wrk"]):
            command = ["apt-get", "-qq", *words]
            subprocess.run(command, env=environment, capture_output=True, check=False, timeout=300)  # nosec B603  # fixed words
        found = shutil.which("wrk")
    if found is None:
        raise Failed(MISSING)
    return found


def http_request(
    method: str, path: str, host: str, headers: dict[str, str], body: Any = None
) -> bytes:
    """Return the bytes of one request, as the proxy of docs/operations.md would send it."""
    data = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join([*lines, "", ""]).encode() + data


@dataclass(frozen=True)
class Sending:
    """How requests are sent: by so many clients at once, for so many seconds.

    `once`: send none twice. `code`: what every answer must say; others count with the status 0.
    """

    clients: int
    seconds: float
    once: bool = False
    code: str = ""


def run(base: str, requests: Iterable[bytes], folder: Path, sending: Sending) -> Load:
    """Send the requests, and return what they got."""
    file = folder / "requests"
    file.write_bytes(SEPARATOR.join(requests))
    seconds = max(1, round(sending.seconds))  # wrk counts whole seconds
    command = [require_wrk(), "-t1", f"-c{sending.clients}", f"-d{seconds}s", "--timeout", "10s"]
    command += ["-s", str(SCRIPT), base, "--", str(file)]
    command += ["once" if sending.once else "cycle", sending.code]
    before = children_cpu()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)  # nosec B603  # fixed words
    return parse(done.stdout, done.stderr, children_cpu() - before)


def children_cpu() -> float:
    """Return the CPU seconds of this process's ended children."""
    times = os.times()
    return times.children_user + times.children_system


def parse(output: str, errors: str = "", used: float = 0.0) -> Load:
    """Return the load that the script of wrk has printed. Raises Failed without its figures."""
    lines = dict(
        line.split(" ", 1)
        for line in output.splitlines()
        if line.startswith(("FIGURES", "REFUSED"))
    )
    if "FIGURES" not in lines:
        raise Failed(f"wrk printed no figures: {(errors or output).strip()[-500:]}")
    figures = json.loads(lines["FIGURES"])
    figures["statuses"] = {int(status): count for status, count in figures["statuses"].items()}
    return Load(**figures, refused=lines.get("REFUSED", "").strip(), generator_cpu=used)


def address(number: int) -> str:
    """Return the address of a client: a private one, another for each of 16 million numbers."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def headers_of(number: int, token: str = "", **more: str) -> dict[str, str]:  # nosec B107  # none by default
    """Return the headers that the proxy sends for a client, who may be signed in."""
    found = {"X-Forwarded-For": address(number), "X-Forwarded-Proto": "https"}
    found["Accept"] = "application/json"
    if token:
        found["Authorization"] = f"Token {token}"
    return {**found, **{name.replace("_", "-"): value for name, value in more.items()}}


def host_of(base: str) -> str:
    """Return the value of the header Host for a base URL."""
    return urlsplit(base).netloc


def refusal(load: Load, expected: int, clients: int) -> str:
    """Return why the figures of the load do not count, or an empty string."""
    if load.exhausted:
        return "the prepared requests did not last"
    if load.socket_errors:
        return f"{load.socket_errors} socket errors"
    others = load.others_than(expected)
    if others:
        return f"answers {others} instead of {expected} from {clients} clients: {load.refused}"
    return "" if load.requests else "no answer in the time of the row"


def repeated(records: Sequence[bytes], number: int) -> list[bytes]:
    """Return at least `number` records, by repeating them."""
    return list(records) * -(-number // len(records))
