"""Other processes of the same user do not read the environment of finbase."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from finbase.system import memory

SCRIPT = """
import ctypes, os, subprocess, sys
memory = {}
exec(sys.stdin.read(), memory)
if os.getuid() == 0:  # Root reads everything.
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
read = ["/bin/cat", f"/proc/{os.getpid()}/environ"]
def seen():
    return b"wonderland" in subprocess.run(read, capture_output=True).stdout
print(seen())
with memory['hidden']():
    print(seen())
print(seen())
first, second = memory['hidden'](), memory['hidden']()  # As of two threads.
first.__enter__()
second.__enter__()
first.__exit__(None, None, None)
print(seen())
second.__exit__(None, None, None)
print(seen())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
def test_hidden_environment() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", SCRIPT],
        input=Path(memory.__file__).read_bytes(),
        env={"AWS_SECRET_ACCESS_KEY": "wonderland"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.split() == [b"True", b"False", b"True", b"False", b"True"], done.stderr
