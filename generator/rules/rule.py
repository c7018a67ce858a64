"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from generator.document import Where
from generator.errors import Diagnostic
from generator.model import Environment

__all__ = ["Finding", "Rule", "rule"]


@dataclass(frozen=True)
class Finding:
    """One breach of a rule, at a value of the document or at its key."""

    where: Where
    message: str
    hint: str | None = None
    key: bool = False


Find = Callable[[Environment], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """Something that no schema can say and that a plan does not refuse.

    ``why`` tells what goes wrong otherwise, ``source`` where that can be read. ``find`` never
    fails: it passes over what a version of a module does not have, and over what has already
    been found wrong, which it sees as ``None`` (or ``""`` at the top of the file).
    """

    code: str
    title: str
    why: str
    source: str
    find: Find

    def __call__(self, environment: Environment) -> Iterator[Diagnostic]:
        """Every breach of the rule."""
        for f in self.find(environment):
            yield environment.document.problem(f.where, self.code, f.message, f.hint, key=f.key)


def rule(code: str, title: str, *, why: str, source: str) -> Callable[[Find], Rule]:
    """Make a function that finds breaches into a rule."""
    return lambda find: Rule(code, title, why, source, find)
