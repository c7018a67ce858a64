"""Progress of long work: the current steps, their times and the time left.

Core functions take a ``Watch`` and call it from any thread; they do not use the terminal.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeAlias

Watch: TypeAlias = Callable[[str, str], None]
"""Called with the name of an item and the step that starts for it; an empty step ends the item."""


def ignore(*_: object) -> None:
    """Accept any arguments and do nothing: the default of a callback."""


class Stages:
    """A ``Watch`` that describes the progress on one line.

    ``total`` is the number of items, 0 if unknown. ``ended`` is called with the item, the step and
    its seconds when a step ends. Safe to use from several threads.
    """

    def __init__(
        self,
        total: int = 0,
        *,
        ended: Callable[[str, str, float], None] = ignore,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._ended = ended
        self._now = now
        self._lock = threading.Lock()
        self._started = now()
        self._steps: dict[str, tuple[str, float]] = {}
        self._done = 0

    def __call__(self, name: str, step: str) -> None:
        """Record that ``step`` starts for ``name``."""
        with self._lock:
            now = self._now()
            last, since = self._steps.pop(name, ("", now))
            if step:
                self._steps[name] = (step, now)
            else:
                self._done += 1
        if last:
            self._ended(name, last, now - since)

    def line(self) -> str:
        """Return the elapsed time, items done, time left and current steps; empty at the start."""
        with self._lock:
            if not self._steps and not self._done:
                return ""
            now = self._now()
            taken = now - self._started
            parts = [clock(taken)]
            if self._total > 1:
                counted = f"{self._done} of {self._total}"
                if 0 < self._done < self._total:
                    left = taken / self._done * (self._total - self._done)
                    counted += f", {clock(left)} left"
                parts.append(counted)
            parts += [
                f"{name}: {step} {clock(now - since)}"
                for name, (step, since) in self._steps.items()
            ]
        return "  ".join(parts)


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds.

    >>> clock(65.4)
    '1:05'
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"
