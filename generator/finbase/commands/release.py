"""``finbase release``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._rendered import PENDING, hold_journal
from finbase.console import completion as names
from finbase.console.options import FOUND, json_option
from finbase.console.speech import echo, note, output_stream, say

__all__ = ["release"]


@click.command()
@click.argument("module", metavar="MODULE", shell_complete=names.modules)
@click.argument("level", type=click.Choice(["patch", "minor", "major"]))
@click.option("-m", "--message", "why", required=True, help="Why: a sentence for the changelog.")
@click.option(
    "--note", "notes", metavar="TEXT", multiple=True, help="What upgraders have to do; repeatable."
)
@click.option("--dry-run", is_flag=True, help="Tell what the release would be; write nothing.")
@json_option("the release and its reasons")
@click.pass_obj
def release(
    project: Path | None,
    module: str,
    level: str,
    why: str,
    notes: tuple[str, ...],
    dry_run: bool,
    json_file: BinaryIO | None,
) -> None:
    """Release what the templates of MODULE render now, as its next version.

    The version before and the new one are compared as they are shipped. A LEVEL that is too
    small for what changed is refused, with every reason, and exits 1. A module that was never
    released gets the version that its contract says.

    \b
    Examples:
      finbase release cache patch -m "The alarm counts throttled commands as well."
      finbase release database minor -m "The log level can be chosen." --dry-run
    """
    from finbase.contract.registry import Registry
    from finbase.project import tree
    from finbase.project.find import find_project
    from finbase.project.journal import is_pending
    from finbase.release.compatibility import Level
    from finbase.release.notes import ReleaseRequest, fault
    from finbase.release.prepare import prepare
    from finbase.report import documents
    from finbase.report.release import ReleaseReport
    from finbase.system.clock import today

    stream, _ = output_stream(json_file)
    root = find_project(project)
    for text in (why, *notes):
        if wrong := fault(text):
            raise click.UsageError(f"a message or note is one line of text, but {wrong}")
    day = today()
    with nullcontext() if dry_run else hold_journal(root) as journal:
        if dry_run and is_pending(root):
            note(PENDING)
        request = ReleaseRequest(module, Level[level.upper()], why, notes, day)
        prepared = prepare(root, Registry(root), request)
        report = ReleaseReport(prepared, dry_run)
        if json_file:
            json_file.write(documents.render(report))
        if prepared.refused:
            echo(report.reasons(), nl=False, file=stream)
            echo(report.refusal(), err=True)
            sys.exit(FOUND)
        say(report.reasons(), nl=False, file=stream)
        if journal:
            tree.apply(prepared.steps, journal)
    say(report.text(), file=stream)
