"""A progress line on a terminal, redrawn in place; other output is printed above it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TextIO

_CLEAR = "\r\x1b[K"
_TICK = 0.2  # Seconds: a clock of seconds looks steady, and short work draws no line.
_WIDTH = 80
_active: Line | None = None


def aside() -> AbstractContextManager[None]:
    """Hide the active line, if there is one, while something else is printed."""
    return _active.hidden() if _active else nullcontext()


class Line:
    """A line that a thread of its own redraws, so that the clock in it advances."""

    def __init__(self, text: Callable[[], str], stream: TextIO) -> None:
        self._text = text
        self._stream = stream
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._drawn = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        """Start drawing."""
        global _active
        _active = self
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """Stop drawing and clear the line."""
        global _active
        self._ended.set()
        self._thread.join()
        self._clear()
        _active = None

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide the line during the block."""
        with self._lock:
            self._clear()
            yield

    def _run(self) -> None:
        while not self._ended.wait(_TICK):
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
