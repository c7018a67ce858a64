"""Every rule about environments, by code.

To add a rule, write a function in the module of its subject, and decorate it with ``@rule`` or
``@note``. A new module needs its name in ``_SUBJECTS``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from finbase import codes
from finbase.environment.model import Environment
from finbase.environment.rules.rule import Rule
from finbase.errors import Diagnostic

_SUBJECTS: Final = """
    alarms cache classification clients databases endpoints naming network notes
    parameters provider readers restore roles rotation routes schedule storage upgrade
"""
_MODULES: Final = [import_module(f"finbase.environment.rules.{name}") for name in _SUBJECTS.split()]
RULES: Final[tuple[Rule, ...]] = tuple(
    sorted(
        (rule for module in _MODULES for rule in vars(module).values() if type(rule) is Rule),
        key=lambda rule: rule.code,
    )
)
"""Every rule, sorted by code; the notes (FB3xx) come last."""

TITLES: Final[Mapping[str, str]] = {**codes.TITLES, **{rule.code: rule.title for rule in RULES}}
"""The title of every code that a diagnostic of an environment file can have."""


def breaches(environment: Environment) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each breach of a rule, and each note."""
    for rule in RULES:
        yield from rule(environment)
