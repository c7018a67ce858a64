"""Read the rendered project for a command: print notes and breaches, and exit if it must stop."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from finbase.commands._project import refuse
from finbase.console.options import FOUND
from finbase.console.speech import DIFF, echo, error, note
from finbase.system.printable import printable_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import PurePosixPath

    from finbase.project.journal import Journal
    from finbase.project.tree import Changes
    from finbase.release.integrity import Breach
    from finbase.release.standing import Standing


_NAMED = 3
"""How many files a note names."""

PENDING = (
    "note: a render is running in this project, or one was interrupted; "
    "the next `finbase render` undoes an interrupted one"
)


def load_rendered(root: Path, names: Sequence[str]) -> Standing:
    """Read the standing of the project and print its notes.

    Exits with 1 if a broken release keeps an environment from being loaded.
    """
    from finbase.release.standing import BrokenReleaseError, read_standing

    try:
        standing = read_standing(root, names)
    except BrokenReleaseError as broken:
        print_breaches(broken.breaches, diffs=True)
        refuse(str(broken))
    for diagnostic in standing.notes:
        note(str(diagnostic))
    return standing


def note_difference(standing: Standing, verb: str) -> None:
    """Name the files that differ from a render; ``verb`` says what happens to those on disk."""
    paths = standing.changes.paths or [breach.folder for breach in standing.breaches]
    names = ", ".join(map(printable_name, paths[:_NAMED]))
    if (more := len(paths) - _NAMED) > 0:
        names += f" and {more} more"
    note(
        f"note: {names}: not as the YAML and the templates render "
        f"(see `finbase render --check`); the files on disk are {verb}"
    )


def rendered_stack(root: Path, environment: str) -> tuple[Path, Standing]:
    """Return the folder of a stack, and the standing; exit with 1 if it is not clean."""
    refuse_planted(root)
    standing = load_rendered(root, [environment])
    refuse_unfaithful(standing)
    if not standing.clean:
        print_breaches(standing.breaches, diffs=False)
        print_unrendered(standing.unrendered)
        refuse(
            f"{environment} differs from what is rendered and released, so nothing was done\n"
            "    hint: `finbase render --check` shows the difference"
        )
    return root / "environments" / environment, standing


@contextmanager
def hold_journal(root: Path) -> Iterator[Journal]:
    """Wait for the write lock of the project; report what an interrupted render left."""
    from finbase.project import journal
    from finbase.report.changes import undone

    with journal.hold(root, _note_wait) as held:
        if held.undone:
            note(f"note: {undone(held.undone)}")
        yield held


def _note_wait(seconds: float) -> None:
    note(f"another render is running in this project; waiting up to {seconds:g} s …")


def refuse_unfaithful(standing: Standing) -> None:
    """Exit with 1 if templates render another stack than the environment files require."""
    if print_unfaithful(standing):
        sys.exit(FOUND)


def print_unfaithful(standing: Standing) -> bool:
    """Print each argument that differs from the environment file; return whether one does."""
    from finbase.render.faithful import unfaithful

    return _print(
        f"{text}\n    hint: correct templates/stack/; it must render what the file says"
        for text in unfaithful(standing.environments, standing.rendered)
    )


def refuse_planted(root: Path) -> None:
    """Exit with 1 if the project has files that nobody may commit."""
    if print_planted(root):
        sys.exit(FOUND)


def print_planted(root: Path) -> bool:
    """Print each file that nobody may commit, and code that must not run; return whether any."""
    return _print(_faults(root))


def _print(errors: Iterable[str]) -> bool:
    """Print every error; return whether there is one."""
    found = False
    for text in errors:
        error(text)
        found = True
    return found


def _faults(root: Path) -> Iterator[str]:
    from finbase.project.planted import illegible, planted, unreviewed
    from finbase.terraform.refused_code import refused_in_project

    for path in planted(root):
        name = printable_name(path)
        yield (
            f"{name} must not be in the project: "
            "Terraform or a pipeline would trust it, and no review shows it\n"
            f"    hint: git rm --cached {shlex.quote(name)}; without git, delete it"
        )
    for path, attribute in unreviewed(root):
        yield (
            f"a review does not show the bytes that {printable_name(path)} has on disk: "
            f"its git attribute is {printable_name(attribute)}\n"
            "    hint: remove the attribute from .gitattributes, and check the file out again"
        )
    for path, reason in illegible(root):
        yield (
            f"a review does not show what {printable_name(path)} says: {reason}\n"
            "    hint: write it as a file of plain text, or remove it and add it to .gitignore"
        )
    for problem in refused_in_project(root.resolve()):
        yield f"{problem}\n    hint: correct the template; Terraform would run it before any check"


def print_strangers(changes: Changes) -> None:
    """Print each file in a rendered folder that finbase did not render, without its contents."""
    for path in changes.strangers:
        error(
            f"{printable_name(path)} was not rendered by finbase\n"
            "    hint: to keep it, move it out of the rendered folders; to delete it, run "
            "`finbase render --force`"
        )


def print_unrendered(paths: Iterable[PurePosixPath]) -> None:
    """Print each file that Terraform would read although finbase did not render it."""
    for path in paths:
        error(
            f"Terraform reads {printable_name(path)}, which finbase did not render\n"
            "    hint: put the change into the templates and remove the file; "
            "`finbase render --check` shows it"
        )


def print_breaches(breaches: Iterable[Breach], *, diffs: bool, file: TextIO | None = None) -> None:
    """Print each breach on standard error, and with ``diffs`` its difference to ``file``."""
    for breach in breaches:
        if diffs and breach.diff:
            echo(breach.diff, nl=False, file=file, looks=DIFF)
        error(f"{printable_name(breach.what)}\n    hint: {printable_name(breach.fix)}")


def require_released_controls(root: Path, *, own: bool) -> None:
    """Exit with 1 if the project changed or removed a control of finbase; with ``own``, note it.

    Raises ``ComplianceError`` for an invalid or empty catalogue.
    """
    from finbase.judge.anchor import deviations
    from finbase.judge.catalogue import load_failures
    from finbase.scaffold.shipment import RECORD

    features = root / "features"
    load_failures(features)
    if not any(features.rglob("*.feature")):
        return  # Nothing can be judged, which the judge reports.
    changes = deviations(features)
    if changes and own:
        for change in changes:
            note(f"note: {change}")
    elif changes:
        lines = "".join(f"\n  {change}" for change in changes)
        newer = "run `finbase update` if finbase is newer, " if (root / RECORD).is_file() else ""
        refuse(
            f"the controls of the project are not those of finbase:{lines}\n"
            f"    hint: {newer}restore finbase's files with git, or judge by the project's with "
            "--own-catalogue"
        )
