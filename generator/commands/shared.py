"""What several commands share: options, the loading of environments, where to print."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from generator.integrity import Breach
    from generator.journal import Journal
    from generator.model import Environment
    from generator.tree import Changes

Command = TypeVar("Command", bound="Callable[..., object] | click.Command")

__all__ = [
    "FOUND",
    "PENDING",
    "Rendered",
    "hold_journal",
    "jobs_option",
    "json_option",
    "load_rendered",
    "note_difference",
    "output_stream",
    "rendered_stack",
    "tell_breaches",
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


def json_option(what: str) -> Callable[[Command], Command]:
    """Let a command write what it found as JSON, to a file or to standard output."""
    return click.option(
        "--json", "json_file", metavar="FILE", type=click.File("wb"), help=f"Write {what} as JSON."
    )


@dataclass(frozen=True)
class Rendered:
    """What environments are rendered to, against what lies in the project."""

    loaded: tuple[Environment, ...]
    changes: Changes
    breaches: tuple[Breach, ...]


def load_rendered(root: Path, names: Sequence[str]) -> Rendered:
    """Load and render in memory, and compare with what lies in the project; notes are told.

    A release that a render would not put back is a breach, and no change. Ends with 1 where an
    environment cannot be loaded for such a breach: a release that is gone has no contract.
    """
    from generator import integrity, tree
    from generator.errors import InputError
    from generator.project import load_environments
    from generator.registry import Registry
    from generator.render import render_project, render_stacks

    registry = Registry(root)
    modules = render_project((), registry, root)
    breaches = integrity.verify(root, registry, modules)
    lasting = [breach for breach in breaches if not breach.restored_by]
    try:
        loaded = load_environments(root, registry, names)
    except InputError as error:
        if not lasting:
            raise
        tell_breaches(lasting, diffs=True)
        click.echo(str(error), err=True)
        sys.exit(FOUND)
    for note in (note for environment in loaded for note in environment.notes):
        click.echo(str(note), err=True)
    rendered = modules | render_stacks(loaded, root)
    lost = [breach.folder for breach in lasting]
    kept = {path: c for path, c in rendered.items() if not any(map(path.is_relative_to, lost))}
    return Rendered(loaded, tree.compare(kept, root, whole=not names), breaches)


def note_difference(verb: str) -> None:
    """Say that the files are not what is rendered, and that they are what counts here."""
    click.echo(
        "note: modules/ or environments/ differ from what the YAML and the templates render "
        f"(see `finbase render --check`); what is {verb} is what lies there",
        err=True,
    )


def rendered_stack(project: Path | None, environment: str) -> tuple[Path, Path]:
    """Give the project's folder and a stack in it; ends with 1 where it is not as rendered."""
    from generator.project import find_project

    root = find_project(project)
    found = load_rendered(root, [environment])
    if found.breaches or not found.changes.clean:
        tell_breaches(found.breaches, diffs=False)
        click.echo(
            f"{environment} is not as rendered and released, so nothing is done: see "
            "`finbase render --check`",
            err=True,
        )
        sys.exit(FOUND)
    return root, root / "environments" / environment


@contextmanager
def hold_journal(root: Path) -> Iterator[Journal]:
    """Wait for the right to write in the project; what was undone for it is told."""
    from generator import journal
    from generator.report import changes as words

    with journal.hold(root, _wait) as held:
        if held.undone:
            click.echo(f"note: {words.undone(held.undone)}", err=True)
        yield held


def _wait(seconds: float) -> None:
    click.echo(f"another render is at work here; waiting for it, at most {seconds:g} s …", err=True)


def tell_breaches(breaches: Iterable[Breach], *, diffs: bool) -> None:
    """Print each breach on standard error, with the difference where it is wanted."""
    for breach in breaches:
        if diffs and breach.diff:
            click.echo(breach.diff, nl=False)
        click.echo(f"{breach.what}\n    hint: {breach.way_out}", err=True)


def output_stream(*files: BinaryIO | None) -> tuple[TextIO, bool]:
    """Where people read on, which is stderr where a file goes to stdout; and whether in colour."""
    piped = any(file is not None and file.name == "<stdout>" for file in files)
    stream = sys.stderr if piped else sys.stdout
    return stream, stream.isatty() and "NO_COLOR" not in os.environ


def terminal_width() -> int:
    """Say how many columns a table may take."""
    import shutil

    return min(shutil.get_terminal_size((120, 24)).columns, 140)
