"""One line on a terminal that is written over and over, and everything else printed beside it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TextIO

__all__ = ["Line", "aside"]

_CLEAR = "\r\x1b[K"
_TICK = 0.2  # Seconds: often enough for a clock of seconds, and too late for what takes no time.
_WIDTH = 80
_shown: Line | None = None


def aside() -> AbstractContextManager[None]:
    """Take the line, if one is drawn, off the terminal while something else is printed."""
    return _shown.away() if _shown else nullcontext()


class Line:
    """A line drawn by a thread of its own, so that a clock in it does not stand still."""

    def __init__(self, text: Callable[[], str], stream: TextIO) -> None:
        self._text = text
        self._stream = stream
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._drawn = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        """Begin to draw."""
        global _shown
        _shown = self
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """End, and leave nothing on the terminal."""
        global _shown
        self._over.set()
        self._thread.join()
        self._clear()
        _shown = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """Take the line off the terminal for the time of the block."""
        with self._lock:
            self._clear()
            yield

    def _run(self) -> None:
        while not self._over.wait(_TICK):
            with self._lock:
                if text := self._text()[: _columns(self._stream) - 1]:
                    self._stream.write(_CLEAR + text)
                    self._stream.flush()
                    self._drawn = True

    def _clear(self) -> None:
        if self._drawn:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._drawn = False


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _WIDTH
    except OSError:
        return _WIDTH
