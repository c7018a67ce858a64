"""``finbase render``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

import click

from finbase.commands._rendered import PENDING, hold_journal, load_rendered, tell_breaches
from finbase.console import completion as names
from finbase.console.options import FOUND, json_option
from finbase.console.speech import echo, note, output_stream, say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["render"]


@click.command()
@click.argument("environments", metavar="[ENV]...", nargs=-1, shell_complete=names.environments)
@click.option("--check", is_flag=True, help="Write nothing; print the difference and exit 1.")
@click.option(
    "--force", is_flag=True, help="Write over and delete files there that finbase did not render."
)
@json_option("what was written, or would be,")
@click.pass_obj
def render(
    project: Path | None,
    environments: tuple[str, ...],
    check: bool,
    force: bool,
    json_file: BinaryIO | None,
) -> None:
    """Write modules/ and environments/ENV/ from templates/ and environments/ENV.yaml.

    Without ENV all environments are rendered, and a stack whose YAML file is gone is removed.
    Only what differs is written: all of it, or nothing where anything fails. FILE may be `-` for
    standard output; the rest then goes to standard error.

    \b
    Examples:
      finbase render
      finbase render production
      finbase render --check
      finbase render --check --json -
    """
    from finbase.project.find import find_project

    root = find_project(project)
    stream, _ = output_stream(json_file)
    if check:
        _compare(root, environments, stream, json_file)
    else:
        _write(root, environments, stream, json_file, force=force)


def _compare(
    root: Path, environments: Sequence[str], stream: TextIO, json_file: BinaryIO | None
) -> None:
    from finbase.project import journal, tree
    from finbase.report import documents
    from finbase.report.changes import ChangesReport

    found = load_rendered(root, environments)
    if journal.is_pending(root):
        note(PENDING)
    echo(tree.diff(found.changes), nl=False, file=stream)
    tell_breaches((b for b in found.breaches if not b.restored_by), diffs=True, file=stream)
    tell_breaches((b for b in found.breaches if b.restored_by), diffs=False)
    unchanged = found.clean
    outcome = "all as rendered" if unchanged else "not as rendered"
    if not unchanged and not found.breaches:
        outcome += ": run `finbase render`"
    report = ChangesReport(found.environments, found.changes, outcome, found.breaches)
    if json_file:
        json_file.write(documents.render(report))
    if unchanged:
        say(report.text(), file=stream)
        return
    echo(report.text(), err=True)
    sys.exit(FOUND)


def _write(
    root: Path,
    environments: Sequence[str],
    stream: TextIO,
    json_file: BinaryIO | None,
    *,
    force: bool,
) -> None:
    from finbase.project import tree
    from finbase.report import changes, documents

    restores = {"render", "force"} if force else {"render"}
    with hold_journal(root) as held:
        found = load_rendered(root, environments)
        lasting = [b for b in found.breaches if b.restored_by not in restores]
        if not lasting:
            tree.write(found.changes, held, force=force)
    outcome = "nothing to do" if found.changes.clean else "written"
    if lasting:
        outcome = "nothing was written"
    report = changes.ChangesReport(
        found.environments, found.changes, outcome, lasting, written=not lasting
    )
    if json_file:
        json_file.write(documents.render(report))
    if lasting:
        tell_breaches(lasting, diffs=True, file=stream)
        echo(report.text(), err=True)
        sys.exit(FOUND)
    for stack, kept in found.changes.abandoned.items():
        note(f"note: {changes.abandoned(stack, kept)}")
    for folder, counts in changes.by_folder(found.changes).items():
        say(f"  {folder}: {counts}", file=stream)
    say(report.text(), file=stream)
