"""How far long work is: one line that is written over on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Progress"]

_CLEAR = "\r\x1b[K"


class Progress:
    """Counts steps of about equal length; makes text and prints nothing."""

    def __init__(
        self, total: int, *, terminal: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.terminal = terminal
        self._total = total
        self._clock = clock
        self._done = 0
        self._start = clock()

    def step(self, what: str) -> str:
        """The line for one more step done."""
        self._done += 1
        counted = f"{self._done}/{self._total} {what}"
        if not self.terminal:
            return counted
        seconds = (self._clock() - self._start) / self._done * (self._total - self._done)
        return f"{_CLEAR}{counted}, {seconds // 60:.0f}:{seconds % 60:02.0f} left"

    def end(self) -> str:
        """What takes the last line off a terminal."""
        return _CLEAR if self.terminal and self._done else ""
