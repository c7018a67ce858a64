"""What several commands share: options, and the loading of what is rendered."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from finbase.console.options import FOUND
from finbase.console.speech import echo, note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from finbase.project.journal import Journal
    from finbase.release.integrity import Breach
    from finbase.release.standing import Standing


__all__ = [
    "PENDING",
    "hold_journal",
    "load_rendered",
    "note_difference",
    "rendered_stack",
    "tell_breaches",
]


PENDING = (
    "note: a render is writing here at this moment, or one was interrupted; "
    "if so, the next `finbase render` undoes what that one began"
)


def load_rendered(root: Path, names: Sequence[str]) -> Standing:
    """Read the standing of the project and print its notes.

    Exits with 1 if a broken release keeps an environment from being loaded.
    """
    from finbase.release.standing import BrokenReleaseError, read_standing

    try:
        standing = read_standing(root, names)
    except BrokenReleaseError as error:
        tell_breaches(error.breaches, diffs=True)
        echo(str(error), err=True)
        sys.exit(FOUND)
    for each in standing.notes:
        note(str(each))
    return standing


def note_difference(verb: str) -> None:
    """Say that the files are not what is rendered, and that they are what counts here."""
    note(
        "note: modules/ or environments/ differ from what the YAML and the templates render "
        f"(see `finbase render --check`); what is {verb} is what lies there"
    )


def rendered_stack(project: Path | None, environment: str) -> tuple[Path, Path]:
    """Give the project's folder and a stack in it; ends with 1 where it is not as rendered."""
    from finbase.project.find import find_project

    root = find_project(project)
    found = load_rendered(root, [environment])
    if not found.clean:
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
    from finbase.project import journal
    from finbase.report import changes

    with journal.hold(root, _wait) as held:
        if held.undone:
            note(f"note: {changes.undone(held.undone)}")
        yield held


def _wait(seconds: float) -> None:
    note(f"another render is at work here; waiting for it, at most {seconds:g} s …")


def tell_breaches(breaches: Iterable[Breach], *, diffs: bool, file: TextIO | None = None) -> None:
    """Print each breach on standard error, and, where it is wanted, the difference to ``file``."""
    for breach in breaches:
        if diffs and breach.diff:
            echo(breach.diff, nl=False, file=file)
        echo(f"{breach.what}\n    hint: {breach.fix}", err=True)
