"""A process that ends a server when the process that started it is gone, even by SIGKILL."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# Reads the id of the server, or an empty line when it has ended, until end of input. The input
# ends when the process with the other end of the pipe ends, however that happens.
_SCRIPT = (
    'while read -r line; do server=$line; done; [ -z "$server" ] || kill -s QUIT "$server" '
    '2>/dev/null; sleep 1; rm -rf -- "$1"'
)


class Watcher:
    """Ends the server and removes its home when this process is gone.

    PR_SET_PDEATHSIG does not fit: it signals at the death of the parent *thread*, and the
    sandbox has a short-lived thread for each request.
    """

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "watcher", str(home)],
            bufsize=0,
            env=environ(),
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, pid: int | None) -> None:
        """Set the server to end; None if it has ended."""
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.write(f"{pid or ''}\n".encode())

    def dismiss(self) -> None:
        """Stop watching; calling it twice is harmless."""
        self._process.kill()
        self._process.communicate()


def environ() -> dict[str, str]:
    """Return the environment of PostgreSQL's programs: English messages, none of our variables."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
