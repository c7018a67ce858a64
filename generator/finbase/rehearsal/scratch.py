"""The scratch folder of a rehearsal or a local AWS, and the signals that may end it early.

A rehearsal has a server, databases and Terraform under way, each ended by the block that started
it. The first signal makes those blocks end; no further one cuts them short.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["ignore_signals_on_exit", "scratch_folder"]

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def scratch_folder(purpose: str = "rehearsal", *, keep: bool = False) -> Iterator[Path]:
    """Make a folder, and remove it afterwards, also where the block was interrupted.

    It is named for its purpose, in the folder for temporary files.
    Within the block SIGTERM and SIGHUP are as Ctrl-C, where it is entered in the main thread.
    """
    with _handlers():
        folder = Path(tempfile.mkdtemp(prefix=f"finbase-{purpose}-"))
        _on_signal(_interrupt, signal.SIGTERM, signal.SIGHUP)
        try:
            # Root is not who PostgreSQL runs as.
            folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
            yield folder
        finally:
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def ignore_signals_on_exit() -> Iterator[None]:
    """Let no further signal disturb the ends of the blocks around this one."""
    try:
        yield
    finally:
        _on_signal(signal.SIG_IGN, *_NUMBERS)


@contextmanager
def _handlers() -> Iterator[None]:
    """Put back, at the end, what signals did before."""
    earlier = {number: signal.getsignal(number) for number in _NUMBERS}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            _on_signal(handler, number)


def _on_signal(handler: Any, *numbers: signal.Signals) -> None:
    if threading.current_thread() is threading.main_thread():  # Others may not set any.
        for number in numbers:
            signal.signal(number, handler)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
