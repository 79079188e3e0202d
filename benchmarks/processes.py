"""What the processes of a server have used, as Linux tells it in /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MB = 1000**2 / 1024  # KiB


@dataclass(frozen=True)
class Process:
    """A process: its parent, and the seconds of CPU of itself and of its ended children."""

    pid: int
    parent: int
    own: float
    ended: float


def parse_stat(pid: int, line: str) -> Process:
    """Return the process of a line of /proc/PID/stat; its name may hold spaces and brackets."""
    fields = line.rpartition(")")[2].split()
    user, system, ended_user, ended_system = (int(each) for each in fields[11:15])
    return Process(
        pid, int(fields[1]), (user + system) / TICKS, (ended_user + ended_system) / TICKS
    )


def all_processes() -> list[Process]:
    """Return the processes that run now."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found.append(parse_stat(int(path.parent.name), path.read_text()))
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
    return found


def tree(root: int) -> list[Process]:
    """Return the process and all that it has started, directly or not."""
    processes = all_processes()
    found, keys = [], {root}
    for _ in range(4):  # a server's tree is no deeper
        found = [each for each in processes if each.pid in keys or each.parent in keys]
        keys = {each.pid for each in found}
    return found


def cpu_seconds(root: int) -> float:
    """Return the CPU that the tree of processes has used, those that have ended included."""
    return sum(each.own + each.ended for each in tree(root))


def children(root: int) -> list[int]:
    """Return the processes that this one has started."""
    return sorted(each.pid for each in tree(root) if each.parent == root)


def memory(pid: int) -> dict[str, float]:
    """Return MB of a process: `rss`, all its pages, and `pss`, its share of the pages.

    The pages that a worker shares with its siblings since the fork count in `rss` of each.
    """
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    sizes = {line.split(":")[0]: line.split()[1] for line in lines[1:]}
    return {"rss": int(sizes["Rss"]) / MB, "pss": int(sizes["Pss"]) / MB}
