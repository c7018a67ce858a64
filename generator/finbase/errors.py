"""The errors that the user can fix.

    FinbaseError            exit code 2; has a message and a hint
    ├── InputError          invalid input: one or more diagnostics, each with a position
    ├── TreeError           writing the rendered files would lose files on disk
    ├── TerraformError      Terraform or its provider is missing or failed
    └── ComplianceError     the features could not run or returned no verdict

Errors do not print themselves; ``cli.py`` prints them for all commands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Diagnostic:
    """One problem at one position of a file.

    ``path`` is relative to the project if the file is inside it. ``line`` and ``column`` count
    from 1. ``code`` is stable, such as ``FB101``. A ``note`` is not an error: it reports
    something that finbase cannot decide.
    """

    path: str
    line: int
    column: int
    code: str
    message: str
    hint: str | None = None
    note: bool = False

    def __str__(self) -> str:
        message = f"note: {self.message}" if self.note else self.message
        path = self.path.replace("\n", "\\u000a")  # One line, whichever name the file has.
        text = f"{path}:{self.line}:{self.column}: {message} [{self.code}]"
        return f"{text}\n    hint: {self.hint}" if self.hint else text


class FinbaseError(Exception):
    """The base of all errors that are reported without a traceback."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n    hint: {self.hint}" if self.hint else self.message


class InputError(FinbaseError):
    """Invalid input, with all diagnostics in file order."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(diagnostics, key=lambda d: (d.path, d.line, d.column)))
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class TreeError(FinbaseError):
    """The rendered files cannot be written without losing files on disk."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        # A line break can only be that of a file's name.
        super().__init__(message.replace("\n", "\\u000a"), hint and hint.replace("\n", "\\u000a"))


class TerraformError(FinbaseError):
    """Terraform, OpenTofu or the provider is missing, or Terraform rejected the stack."""


class ComplianceError(FinbaseError):
    """terraform-compliance returned no verdict."""
