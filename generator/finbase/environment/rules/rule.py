"""The type of a rule, and the decorators that make one of a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final, TypeAlias

from finbase.environment.model import Environment
from finbase.errors import Diagnostic
from finbase.source.document import MOST_PROBLEMS, Where

AWS: Final = "https://docs.aws.amazon.com/"
RDS: Final = f"{AWS}AmazonRDS/latest/UserGuide/"
SECRETS: Final = f"{AWS}secretsmanager/latest/userguide/"
"""Guides that sources of several rules are in."""

_MOST_NOTES: Final = 10

Change: TypeAlias = Mapping[str, Any]
"""Values of an environment file by their paths, such as ``database.port`` or ``tags.owner``."""


@dataclass(frozen=True)
class Finding:
    """One breach of a rule: the path of the value, what is wrong, and how to fix it.

    The position is that of the value, or with ``key`` that of its key.
    """

    where: Where
    message: str
    hint: str
    key: bool = False


Findings: TypeAlias = Iterator[Finding]
Find: TypeAlias = Callable[[Environment], Findings]


@dataclass(frozen=True)
class Rule:
    """A requirement that a JSON Schema cannot express and that ``terraform plan`` does not check.

    ``inputs`` are the values that it reads, as ``module.input``. ``why`` says what goes wrong
    otherwise, and ``source`` is the page that documents it. ``accepted`` and ``refused`` are
    examples that differ as little as possible. ``yaml_only`` says why the modules do not check
    the rule; it is empty if they do. A ``note`` rejects nothing.

    ``find`` must not raise. It ignores inputs that a module version does not have. Values that
    are already reported as wrong are ``None`` (``""`` at the top of the file); it ignores them too.
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
        """The requirement, as one sentence."""
        return (self.find.__doc__ or "").strip()

    def __call__(self, environment: Environment) -> Iterator[Diagnostic]:
        """Yield the breaches of the rule, up to a readable number."""
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
    note: bool = False,
) -> Callable[[Find], Rule]:
    """Turn a function that yields breaches into a rule."""
    return lambda find: Rule(
        code, title, inputs, why, source, accepted, refused, yaml_only, note, find
    )


note: Final = partial(rule, yaml_only="a note rejects nothing", note=True)
"""Turn a function that yields remarks into a rule that only notes them."""
