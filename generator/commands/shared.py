"""What several commands share: options, and the loading of what is rendered."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, TypeVar

import click

from generator.commands.console import echo, note

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
    "OutputFile",
    "Rendered",
    "hold_journal",
    "jobs_option",
    "json_option",
    "load_rendered",
    "note_difference",
    "refuse_same",
    "rendered_stack",
    "tell_breaches",
]

FOUND = 1

_MEMORY_OF_A_PLAN = 1_000_000_000

PENDING = (
    "note: a render is writing here at this moment, or one was interrupted; "
    "if so, the next `finbase render` undoes what that one began"
)


def _at_once() -> int:
    """Say how many plans this machine can make at a time: each is a processor's work."""
    affinity = getattr(os, "sched_getaffinity", None)
    processors = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return processors
    return max(1, min(processors, memory // _MEMORY_OF_A_PLAN))


jobs_option = click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    default=_at_once,
    show_default="one for each processor, where there is 1 GB of memory for each",
    help="Plans at a time.",
)


class OutputFile(click.File):
    """A file that is opened where it is written at last; where it cannot be is told at once."""

    def __init__(self) -> None:
        super().__init__("wb")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse a file that cannot be written."""
        if isinstance(value, str) and value != "-":
            path = Path(value)
            if not path.parent.is_dir():
                self.fail(f"there is no folder {str(path.parent)!r}", param, ctx)
            if path.is_dir():
                self.fail(f"{value!r} is a folder", param, ctx)
            if not os.access(path if path.exists() else path.parent, os.W_OK):
                self.fail(f"{value!r} may not be written to", param, ctx)
        return super().convert(value, param, ctx)


def refuse_same(*files: BinaryIO | None) -> None:
    """Refuse to write two things to one file, of which the second would take the first's place."""
    names = [file.name for file in files if file is not None]
    for name in names:
        if names.count(name) > 1:
            shown = "standard output" if name == "<stdout>" else name
            raise click.UsageError(f"{shown} can hold one of them, so name another file")


def json_option(what: str) -> Callable[[Command], Command]:
    """Let a command write what it found as JSON, to a file or to standard output."""
    return click.option(
        "--json", "json_file", metavar="FILE", type=OutputFile(), help=f"Write {what} as JSON."
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
        echo(str(error), err=True)
        sys.exit(FOUND)
    for each in (each for environment in loaded for each in environment.notes):
        note(str(each))
    rendered = modules | render_stacks(loaded, root)
    lost = [breach.folder for breach in lasting]
    kept = {path: c for path, c in rendered.items() if not any(map(path.is_relative_to, lost))}
    return Rendered(loaded, tree.compare(kept, root, whole=not names), breaches)


def note_difference(verb: str) -> None:
    """Say that the files are not what is rendered, and that they are what counts here."""
    note(
        "note: modules/ or environments/ differ from what the YAML and the templates render "
        f"(see `finbase render --check`); what is {verb} is what lies there"
    )


def rendered_stack(project: Path | None, environment: str) -> tuple[Path, Path]:
    """Give the project's folder and a stack in it; ends with 1 where it is not as rendered."""
    from generator.project import find_project

    root = find_project(project)
    found = load_rendered(root, [environment])
    if found.breaches or not found.changes.clean:
        tell_breaches(found.breaches, diffs=False)
        echo(
            f"{environment} is not as rendered and released, so nothing is done\n"
            "    hint: `finbase render --check` shows the difference",
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
            note(f"note: {words.undone(held.undone)}")
        yield held


def _wait(seconds: float) -> None:
    note(f"another render is at work here; waiting for it, at most {seconds:g} s …")


def tell_breaches(breaches: Iterable[Breach], *, diffs: bool, file: TextIO | None = None) -> None:
    """Print each breach on standard error, and, where it is wanted, the difference to ``file``."""
    for breach in breaches:
        if diffs and breach.diff:
            echo(breach.diff, nl=False, file=file)
        echo(f"{breach.what}\n    hint: {breach.way_out}", err=True)
