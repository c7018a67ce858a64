"""What no schema can say about an environment, and no plan refuses.

A rule is a small function that is wrapped in its code, title, reason, source and examples, so
that all of them can be listed and each can be explained. To add one, write it in the module of
its subject and name it in that module's ``RULES``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from finbase import codes
from finbase.environment.model import Environment
from finbase.environment.rules import naming, network, notes, schedule, storage
from finbase.environment.rules.rule import Change, Rule
from finbase.errors import Diagnostic

__all__ = ["RULES", "TITLES", "Change", "Rule", "check"]

RULES: Final[tuple[Rule, ...]] = tuple(
    sorted(
        (*network.RULES, *schedule.RULES, *storage.RULES, *naming.RULES, *notes.RULES),
        key=lambda rule: rule.code,
    )
)
"""Every rule, in the order of the codes; the notes come last."""

TITLES: Final[Mapping[str, str]] = {**codes.TITLES, **{rule.code: rule.title for rule in RULES}}
"""Every code that an environment file can be answered with, and what it means."""


def check(environment: Environment) -> Iterator[Diagnostic]:
    """Every breach of every rule, and every note."""
    for rule in RULES:
        yield from rule(environment)
