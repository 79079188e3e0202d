"""How passwords are hashed, and how much memory that may take."""

import ctypes
from contextlib import suppress
from threading import BoundedSemaphore

from django.contrib.auth import hashers

HASHES_AT_ONCE = 2  # in a process; more take memory, and no less time on two cores
M_MMAP_THRESHOLD, LARGE = -3, 1024 * 1024  # mallopt(3); bytes

_places = BoundedSemaphore(HASHES_AT_ONCE)


def return_large_blocks() -> None:
    """Let glibc return each freed block of a mebibyte or more to the system at once.

    By itself it learns from the first hash to keep such blocks: each thread that has hashed once
    would hold 19 MiB from then on. Another C library has no such setting.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)


return_large_blocks()


class Argon2PasswordHasher(hashers.Argon2PasswordHasher):
    """Argon2id with the parameters that OWASP recommends: 19 MiB, two passes, one lane.

    Django's default takes 100 MiB a hash: many logins at once would exhaust the memory. A process
    computes HASHES_AT_ONCE at a time. `config.sign_ins` keeps those that wait out of the threads.
    """

    memory_cost = 19 * 1024  # KiB
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Return the hash; wait until fewer than HASHES_AT_ONCE are computed."""
        with _places:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Whether the password is that of the hash; waits as `encode` does."""
        with _places:
            return super().verify(password, encoded)
