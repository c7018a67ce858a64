"""Time a command and its floor side by side, in turns, and compare their medians."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.meter import without_bytecode_setting


@dataclass(frozen=True)
class Ratio:
    """Medians in seconds of ``runs`` turns, and the budget for their quotient."""

    name: str
    floor: str
    seconds: float
    floor_seconds: float
    budget: float
    runs: int

    @property
    def value(self) -> float:
        """How many times the floor the command takes."""
        return self.seconds / self.floor_seconds

    @property
    def kept(self) -> bool:
        """Whether the budget is kept."""
        return self.value <= self.budget

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.seconds * 1000:.0f} ms, "
            f"{self.value:.2f} x the floor ({self.floor}: {self.floor_seconds * 1000:.0f} ms), "
            f"budget {self.budget} x, {'kept' if self.kept else 'BROKEN'}, "
            f"medians of {self.runs}"
        )


def command(
    arguments: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None
) -> Callable[[], bytes]:
    """Return a function that runs the command there; it raises if the command fails.

    Compiled bytecode may be kept, as on any user's machine, whatever this shell says.
    """
    kept = without_bytecode_setting(os.environ if environ is None else environ)

    def run() -> bytes:
        done = subprocess.run(arguments, cwd=folder, env=kept, check=True, capture_output=True)
        return done.stdout

    return run


def compare(
    name: str,
    measured: Callable[[], object],
    floor_name: str,
    floor: Callable[[], object],
    *,
    budget: float,
    runs: int,
) -> Ratio:
    """Run both once unmeasured, then ``runs`` times in turns."""
    seconds: dict[Callable[[], object], list[float]] = {measured: [], floor: []}
    for turn in range(runs + 1):
        for function, samples in seconds.items():
            start = time.perf_counter()
            function()
            if turn:
                samples.append(time.perf_counter() - start)
    return Ratio(
        name,
        floor_name,
        statistics.median(seconds[measured]),
        statistics.median(seconds[floor]),
        budget,
        runs,
    )
