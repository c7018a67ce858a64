"""Moved from commands.shared."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["FOUND", "Command", "OutputFile", "jobs_option", "json_option", "refuse_same"]


Command = TypeVar("Command", bound="Callable[..., object] | click.Command")


FOUND = 1


_MEMORY_OF_A_PLAN = 1_000_000_000


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
