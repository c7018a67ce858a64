"""What each step of a rehearsal took and told, noted while it runs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from finbase.errors import FinbaseError
from finbase.rehearsal.model import Step
from finbase.rehearsal.terraform import Applied
from finbase.sandbox.calls import calls

__all__ = ["EndError", "Record", "StepLog"]


class EndError(Exception):
    """A step has gone so wrong that the next ones make no sense."""


@dataclass
class StepLog:
    """What a step notes while it runs."""

    resources: int = 0
    told: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def take(self, applied: Applied) -> None:
        """Note how an apply or destroy has ended; ends the rehearsal where that is an error."""
        self.resources = len(applied.finished)
        self.problems += applied.errors
        if applied.code != 0:
            raise EndError


class Record:
    """The steps so far; ``log`` has the calls of the API."""

    def __init__(self, log: Path, progress: Callable[[str], None]) -> None:
        self._log, self._progress = log, progress
        self.steps: list[Step] = []

    def calls(self) -> int:
        """How many calls there have been."""
        return len(calls(self._log))

    @contextmanager
    def step(self, name: str) -> Iterator[StepLog]:
        """Time a step and count its calls; one that ends the rehearsal is kept, too.

        What the world may do to a step is a problem of it: a refusal, no answer, no time left.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        noted, began, calls = StepLog(), time.monotonic(), self.calls()
        self._progress(name)
        try:
            yield noted
        except (
            FinbaseError,
            BotoCoreError,
            ClientError,
            OSError,
            subprocess.SubprocessError,
        ) as error:
            noted.problems.append(str(error) or type(error).__name__)
            raise EndError from error
        finally:
            seconds, calls = time.monotonic() - began, self.calls() - calls
            told, problems = tuple(noted.told), tuple(noted.problems)
            self.steps.append(Step(name, seconds, calls, noted.resources, told, problems))
