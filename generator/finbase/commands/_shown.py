"""What the HTML report shows beside the verdicts, as options of ``check`` and ``evidence``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import click

from finbase.console import completion


@dataclass(frozen=True)
class Shown:
    """Options that extend the HTML report: a proof matrix, an earlier verdict, frameworks.

    The earlier verdict can be in a bundle. ``framework`` has names of files in features/frameworks.
    """

    proof_file: BinaryIO | None = None
    previous_file: BinaryIO | None = None
    framework: tuple[str, ...] = ()

    def named(self) -> list[str]:
        """Return the options that were used."""
        return [f"--{name.removesuffix('_file')}" for name, value in vars(self).items() if value]


def framework_option(
    help_text: str,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option ``--framework NAME``."""
    return click.option(
        "--framework",
        metavar="NAME",
        multiple=True,
        shell_complete=completion.frameworks,
        help=help_text,
    )


@dataclass(frozen=True)
class Members(Shown):
    """What an evidence bundle shows, the key that signs it, and documents of other commands."""

    key_file: BinaryIO | None = None
    drift_file: BinaryIO | None = None
    rehearsal_file: BinaryIO | None = None
