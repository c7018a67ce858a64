"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeAlias

from finbase.environment.model import Environment
from finbase.errors import Diagnostic
from finbase.source.document import MOST_PROBLEMS, Where

__all__ = ["Change", "Finding", "Rule", "note", "rule"]

_MOST_NOTES: Final = 10

Change: TypeAlias = Mapping[str, Any]
"""Values of an environment file, by the way to each: ``database.port``, ``tags.owner``."""


@dataclass(frozen=True)
class Finding:
    """One breach of a rule, at a value of the document or at its key, and what to do about it."""

    where: Where
    message: str
    hint: str
    key: bool = False


Find = Callable[[Environment], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """Something that no schema can say and that a plan does not refuse.

    ``inputs`` are what it is about, as ``module.input``. ``why`` tells what goes wrong
    otherwise, ``source`` where that can be read. ``accepted`` and ``refused`` differ as little
    as they can. ``yaml_only`` says why the modules do not hold the rule themselves; where it is
    empty, they do. A rule that is a ``note`` refuses nothing.

    ``find`` never fails: it passes over what a version of a module does not have, and over what
    has already been found wrong, which it sees as ``None`` (or ``""`` at the top of the file).
    """

    code: str
    title: str
    inputs: tuple[str, ...]
    why: str
    source: str
    accepted: Change
    refused: Change
    yaml_only: str
    note: bool
    find: Find

    @property
    def demand(self) -> str:
        """What the rule demands, in a sentence."""
        return (self.find.__doc__ or "").strip()

    def __call__(self, environment: Environment) -> Iterator[Diagnostic]:
        """The breaches of the rule, as many as anybody reads."""
        most = _MOST_NOTES if self.note else MOST_PROBLEMS + 1
        for f in islice(self.find(environment), most):
            yield environment.document.problem(
                f.where, self.code, f.message, f.hint, key=f.key, note=self.note
            )


def rule(
    code: str,
    title: str,
    *inputs: str,
    why: str,
    source: str,
    accepted: Change,
    refused: Change,
    yaml_only: str = "",
) -> Callable[[Find], Rule]:
    """Make a function that finds breaches into a rule."""
    return lambda find: Rule(
        code, title, inputs, why, source, accepted, refused, yaml_only, False, find
    )


def note(
    code: str, title: str, *inputs: str, why: str, source: str, accepted: Change, refused: Change
) -> Callable[[Find], Rule]:
    """Make a function that finds what is worth a note into a rule."""
    only = "a note refuses nothing"
    return lambda find: Rule(code, title, inputs, why, source, accepted, refused, only, True, find)
