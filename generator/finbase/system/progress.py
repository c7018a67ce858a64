"""How far long work is: what is at which step, for how long, and what is left.

Core functions take a ``Watch`` and call it, from any thread; they know nothing of terminals.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Stages", "Watch", "clock", "unwatched"]

Watch: TypeAlias = Callable[[str, str], None]
"""Told what is worked on, and the step that begins for it; an empty step says that it is done."""


def unwatched(name: str, step: str) -> None:
    """Watch nothing."""


class Stages:
    """A ``Watch`` that keeps what it was told, and says it on one line.

    ``total`` is the number of things to be done, 0 where it is not known. ``ended`` is told
    each step that is over and the seconds that it took. Safe to use from several threads.
    """

    def __init__(
        self,
        total: int = 0,
        *,
        ended: Callable[[str, str, float], None] = lambda name, step, seconds: None,  # noqa: ARG005
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._ended = ended
        self._now = now
        self._lock = threading.Lock()
        self._begun = now()
        self._steps: dict[str, tuple[str, float]] = {}
        self._done = 0

    def __call__(self, name: str, step: str) -> None:
        """Note that ``name`` has come to ``step``."""
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
        """Say how long it has taken, what is done and left, and every step; at first nothing."""
        with self._lock:
            if not self._steps and not self._done:
                return ""
            now = self._now()
            taken = now - self._begun
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
    """Write a time as minutes and seconds: ``1:05``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"
