"""The hasher of the suite: quick, and it fails a request that hashes a password out of turn."""

import threading
from typing import Any

from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.signals import request_finished, request_started

from accounts.audit.context import COMMAND_CONTEXT, current_context
from config.sign_ins import hashes_password

_running = threading.local()


class QuickHasher(MD5PasswordHasher):
    """MD5, since Argon2 is slow. In a request it hashes only on a path that `config.sign_ins` has.

    There a request waits for its turn without a thread. So every test of every path proves that
    none is missing there.
    """

    def encode(self, password: str, salt: str) -> str:
        """Return the hash; raises AssertionError on another path."""
        request = getattr(_running, "request", None)
        if request and current_context() is not COMMAND_CONTEXT:
            assert hashes_password(*request), f"{request} hashes a password: see config.sign_ins"
        return super().encode(password, salt)


def _begin(environ: dict[str, Any], **kwargs: Any) -> None:
    _running.request = (environ["REQUEST_METHOD"], environ["PATH_INFO"])


def _end(**kwargs: Any) -> None:
    _running.request = None


request_started.connect(_begin)
request_finished.connect(_end)
