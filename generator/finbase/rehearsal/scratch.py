"""The scratch folder of a rehearsal or a local AWS, and the signals that can end it early.

A rehearsal has a running server, databases and Terraform, each stopped by the block that started
it. The first signal ends those blocks; further signals must not interrupt them.
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

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def scratch_folder(purpose: str = "rehearsal", *, keep: bool = False) -> Iterator[Path]:
    """Create a folder for temporary files, named by its purpose; remove it unless ``keep``.

    Within the block SIGTERM and SIGHUP raise ``KeyboardInterrupt``, like Ctrl-C, if the block is
    entered in the main thread.
    """
    with _restored_handlers():
        folder = Path(tempfile.mkdtemp(prefix=f"finbase-{purpose}-"))
        _on_signal(_interrupt, signal.SIGTERM, signal.SIGHUP)
        try:
            # PostgreSQL does not run as root, so its user must be able to pass through.
            folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
            yield folder
        finally:
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def ignore_signals_on_exit() -> Iterator[None]:
    """Ignore signals from the end of the block on, so that outer blocks can end undisturbed."""
    try:
        yield
    finally:
        _on_signal(signal.SIG_IGN, *_SIGNALS)


@contextmanager
def _restored_handlers() -> Iterator[None]:
    """Restore the signal handlers at the end of the block."""
    earlier = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            _on_signal(handler, number)


def _on_signal(handler: Any, *numbers: signal.Signals) -> None:
    if threading.current_thread() is threading.main_thread():  # Python allows it nowhere else.
        for number in numbers:
            signal.signal(number, handler)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
