"""``finbase render``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

import click

from finbase.commands._project import pass_root, refuse, write_json
from finbase.commands._rendered import (
    PENDING,
    hold_journal,
    load_rendered,
    print_breaches,
    print_planted,
    print_strangers,
    print_unfaithful,
)
from finbase.console.options import environments_argument, json_option
from finbase.console.speech import DIFF, PASS, echo, note, output_stream, say

if TYPE_CHECKING:
    from collections.abc import Sequence

_PASSED = {r".+": PASS}


@click.command()
@environments_argument
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; print the difference and exit with 1 if there is one.",
)
@click.option(
    "--force", is_flag=True, help="Overwrite and delete files that finbase did not render."
)
@json_option("the changes")
@pass_root
def render(
    root: Path,
    environments: tuple[str, ...],
    check: bool,
    force: bool,
    json_file: BinaryIO | None,
) -> None:
    """Write modules/ and environments/ENV/ from templates/ and environments/ENV.yaml.

    Without ENV, every environment is rendered, and stacks without a YAML file are removed. Only
    files that differ are written, and none if anything fails. FILE can be `-` for standard output;
    all other output then goes to standard error.

    \b
    Examples:
      finbase render
      finbase render production
      finbase render --check
      finbase render --check --json -
    """
    if check and force:
        raise click.UsageError("--check writes nothing and --force overwrites files; choose one")
    stream, _ = output_stream(json_file)
    if check:
        _compare(root, environments, stream, json_file)
    else:
        _write(root, environments, stream, json_file, force=force)


def _compare(
    root: Path, environments: Sequence[str], stream: TextIO, json_file: BinaryIO | None
) -> None:
    from finbase.project import journal, tree
    from finbase.report.changes import ChangesReport

    standing = load_rendered(root, environments)
    is_planted = print_unfaithful(standing) | print_planted(root)
    pending = journal.is_pending(root)
    if pending:
        note(PENDING)
    echo(tree.diff(standing.changes), nl=False, file=stream, looks=DIFF)
    print_strangers(standing.changes)
    print_breaches((b for b in standing.breaches if not b.restored_by), diffs=True, file=stream)
    print_breaches((b for b in standing.breaches if b.restored_by), diffs=False)
    unchanged = standing.clean and not pending and not is_planted
    outcome = "all files are as rendered" if unchanged else "not as rendered"
    if standing.clean and not unchanged:
        outcome = (
            "a render is running, or was interrupted" if pending else "files that must not be there"
        )
    if not (standing.changes.clean or standing.breaches or standing.changes.strangers):
        outcome += ": run `finbase render`"
    report = ChangesReport(standing.environments, standing.changes, outcome, standing.breaches)
    write_json(report, json_file)
    if unchanged:
        say(report.text(), file=stream, looks=_PASSED)
        return
    refuse(report.text())


def _write(
    root: Path,
    environments: Sequence[str],
    stream: TextIO,
    json_file: BinaryIO | None,
    *,
    force: bool,
) -> None:
    from finbase.project import tree
    from finbase.report import changes

    restores = {"render", "force"} if force else {"render"}
    with hold_journal(root) as journal:
        standing = load_rendered(root, environments)
        unrestored = [b for b in standing.breaches if b.restored_by not in restores]
        if not unrestored:
            tree.write(standing.changes, journal, force=force)
    outcome = "nothing to do" if standing.changes.clean else "written"
    if unrestored:
        outcome = "nothing was written"
    report = changes.ChangesReport(
        standing.environments, standing.changes, outcome, unrestored, written=not unrestored
    )
    write_json(report, json_file)
    if unrestored:
        print_breaches(unrestored, diffs=True, file=stream)
        refuse(report.text())
    for stack, remaining in standing.changes.abandoned.items():
        note(f"note: {changes.abandoned(stack, remaining)}")
    for folder, counts in changes.by_folder(standing.changes).items():
        say(f"  {folder}: {counts}", file=stream)
    say(report.text(), file=stream)
