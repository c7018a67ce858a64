"""Record the duration, API calls, notes and problems of each step while a rehearsal runs."""

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
from finbase.system.progress import ignore


class EndError(Exception):
    """A step failed so that the next steps make no sense."""


@dataclass
class StepLog:
    """The notes and problems of a step while it runs."""

    resources: int = 0
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, applied: Applied) -> None:
        """Add the result of an apply or destroy; raises ``EndError`` if it failed."""
        self.resources += len(applied.finished)
        self.problems += applied.errors
        if applied.code != 0:
            raise EndError


class Record:
    """The steps so far; ``log`` is the sandbox's log of API calls.

    ``progress`` is called with the name of each step that starts, ``ended`` with each that ended.
    """

    def __init__(
        self,
        log: Path,
        progress: Callable[[str], None],
        ended: Callable[[Step], None] = ignore,
    ) -> None:
        self._log, self._progress, self._ended = log, progress, ended
        self.steps: list[Step] = []

    def add(self, step: Step) -> None:
        """Add a step that ended."""
        self.steps.append(step)
        self._ended(step)

    def calls(self) -> int:
        """Return the number of API calls so far."""
        return len(calls(self._log))

    @contextmanager
    def step(self, name: str) -> Iterator[StepLog]:
        """Time a step, count its calls, and add it to ``steps`` even if it fails.

        Errors that come from outside (Terraform, AWS, the network, the system) become a problem
        of the step, and ``EndError``. Others are bugs and propagate.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        log, start, calls_before = StepLog(), time.monotonic(), self.calls()
        self._progress(name)
        try:
            yield log
        except (
            FinbaseError,
            BotoCoreError,
            ClientError,
            OSError,
            subprocess.SubprocessError,
        ) as error:
            log.problems.append(str(error) or type(error).__name__)
            raise EndError from error
        finally:
            step = Step(
                name,
                time.monotonic() - start,
                self.calls() - calls_before,
                log.resources,
                tuple(log.notes),
                tuple(log.problems),
            )
            self.add(step)
