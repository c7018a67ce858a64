"""Everything that can go wrong for a person, in one family.

    FinbaseError            exit code 2, has a message and a hint
    ├── InputError          wrong input: one or many diagnostics with a place
    ├── TreeError           a rendered tree that must not be written over
    ├── TerraformError      Terraform or its provider is missing, or it failed
    └── ComplianceError     the features could not be run, or gave no verdict

Errors never print themselves: ``cli.py`` does, for all commands alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "ComplianceError",
    "Diagnostic",
    "FinbaseError",
    "InputError",
    "TerraformError",
    "TreeError",
]


@dataclass(frozen=True, order=True)
class Diagnostic:
    """One thing wrong at one place.

    ``path`` is shown as given, relative to the project where it lies inside.
    ``line`` and ``column`` count from 1. ``code`` is stable (``FB101``). A ``note`` refuses
    nothing: it tells of something that cannot be judged here.
    """

    path: str
    line: int
    column: int
    code: str
    message: str
    hint: str | None = None
    note: bool = False

    def __str__(self) -> str:
        what = f"note: {self.message}" if self.note else self.message
        text = f"{self.path}:{self.line}:{self.column}: {what} [{self.code}]"
        return f"{text}\n    hint: {self.hint}" if self.hint else text


class FinbaseError(Exception):
    """The base of all errors that are told to the user without a traceback."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n    hint: {self.hint}" if self.hint else self.message


class InputError(FinbaseError):
    """Wrong input, with every diagnostic that was found, in file order."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(diagnostics, key=lambda d: (d.path, d.line, d.column)))
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class TreeError(FinbaseError):
    """A rendered tree cannot be written without losing what is there."""


class TerraformError(FinbaseError):
    """Terraform or OpenTofu is missing, its provider is, or it refused the stack."""


class ComplianceError(FinbaseError):
    """terraform-compliance did not come to a verdict."""
