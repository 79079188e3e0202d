"""Temporary folders that go away with the process that made them, even when it is killed."""

import subprocess
import tempfile
from pathlib import Path

# The script waits for the end of its input, which comes when the owner closes the pipe or dies.
# A server that is still shutting down may write into the folder, so it tries the removal again.
BROOM = """
trap '' HUP INT TERM
cat >/dev/null
tries=0
until rm -rf -- "$1" || [ $tries -ge 100 ]; do tries=$((tries + 1)); sleep 0.1; done
"""


class Folder:
    """A new private folder. A process of its own removes it on `close()` or the owner's death."""

    def __init__(self, prefix: str, base: str | None = None) -> None:
        """Make the folder below `base`, by default the system's place for temporary files."""
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=base)).resolve()
        self._broom = subprocess.Popen(
            ["/bin/sh", "-c", BROOM, "broom", str(self.path)],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at the terminal must not reach this process
        )

    def close(self) -> None:
        """Remove the folder and wait until it is gone. A second call does nothing."""
        assert self._broom.stdin is not None
        self._broom.stdin.close()
        self._broom.wait()
