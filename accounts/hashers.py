"""How passwords are hashed, and how much memory and time of others that may take."""

import ctypes
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.contrib.auth import hashers

HASHES_AT_ONCE = 1  # in a process; a server has about as many processes as cores
NICENESS = 5  # of the threads that hash: a third of the share of one that answers a call
M_MMAP_THRESHOLD, LARGE = -3, 1024 * 1024  # mallopt(3); bytes


def return_large_blocks() -> None:
    """Let glibc return each freed block of a mebibyte or more to the system at once.

    By itself it learns from the first hash to keep such blocks: each thread that has hashed once
    would hold 19 MiB from then on. Another C library has no such setting.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)


def give_way() -> None:
    """Let the calls of others go before this thread; only Linux can do that for one thread.

    A thread may not take back its niceness, so passwords are hashed in threads of their own.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class _Threads:
    """The threads of this process that hash; a fork does not copy them, so the child has its own.

    The executor starts them with the first hash.
    """

    def __init__(self) -> None:
        self.start()
        os.register_at_fork(after_in_child=self.start)

    def start(self) -> None:
        self.executor = ThreadPoolExecutor(HASHES_AT_ONCE, "hashes", initializer=give_way)


return_large_blocks()
_THREADS = _Threads()


class Argon2PasswordHasher(hashers.Argon2PasswordHasher):
    """Argon2id with the parameters that OWASP recommends: 19 MiB, two passes, one lane.

    Django's default takes 100 MiB a hash: many logins at once would exhaust the memory. A process
    computes HASHES_AT_ONCE at a time. `config.sign_ins` keeps those that wait out of the threads
    that answer calls.
    """

    memory_cost = 19 * 1024  # KiB
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Return the hash; wait until fewer than HASHES_AT_ONCE are computed."""
        return _THREADS.executor.submit(super().encode, password, salt).result()

    def verify(self, password: str, encoded: str) -> bool:
        """Whether the password is that of the hash; waits as `encode` does."""
        return _THREADS.executor.submit(super().verify, password, encoded).result()
