"""What several commands share: options, the loading of environments, where to print."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generator.model import Environment
    from generator.tree import Changes

__all__ = [
    "FOUND",
    "PENDING",
    "jobs_option",
    "load_rendered",
    "output_stream",
    "terminal_width",
]

FOUND = 1

PENDING = (
    "note: a render is writing here at this moment, or one was interrupted; "
    "if so, the next `finbase render` undoes what that one began"
)


jobs_option = click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    default=lambda: min(4, os.cpu_count() or 1),
    show_default="one for each processor, at most 4",
    help="Plans at a time.",
)


def load_rendered(root: Path, names: Sequence[str]) -> tuple[tuple[Environment, ...], Changes]:
    """Load and render in memory, and compare with what lies in the project; notes are told."""
    from generator import tree
    from generator.contract import Catalogue
    from generator.project import load_environments
    from generator.render import render_project

    catalogue = Catalogue(root)
    loaded = load_environments(root, catalogue, names)
    for note in (note for environment in loaded for note in environment.notes):
        click.echo(str(note), err=True)
    rendered = render_project(loaded, catalogue, root)
    return loaded, tree.compare(rendered, root, whole=not names)


def output_stream(*files: BinaryIO | None) -> tuple[TextIO, bool]:
    """Where people read on, which is stderr where a file goes to stdout; and whether in colour."""
    piped = any(file is not None and file.name == "<stdout>" for file in files)
    stream = sys.stderr if piped else sys.stdout
    return stream, stream.isatty() and "NO_COLOR" not in os.environ


def terminal_width() -> int:
    """Say how many columns a table may take."""
    import shutil

    return min(shutil.get_terminal_size((120, 24)).columns, 140)
