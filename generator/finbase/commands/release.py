"""``finbase release``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._project import pass_root, refuse, write_json
from finbase.commands._rendered import PENDING, hold_journal, print_breaches
from finbase.console import completion
from finbase.console.options import FOUND, Choice, json_option
from finbase.console.speech import echo, note, output_stream, say

_VERIFY = "verify"


@click.command()
@click.argument("module", metavar="MODULE", shell_complete=completion.modules)
@click.argument("level", required=False, type=Choice(["patch", "minor", "major"]))
@click.option(
    "-m",
    "--message",
    "why",
    help="Explain the change in one sentence for the changelog; required for a release.",
)
@click.option(
    "--note",
    "notes",
    metavar="TEXT",
    multiple=True,
    help="Add a note on what users must do when they upgrade; repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Print the release; write nothing.")
@click.option(
    "--since",
    metavar="REV",
    help="Compare all releases with this revision and git's history; only with `verify`.",
)
@json_option("the release and its reasons")
@pass_root
def release(
    root: Path,
    module: str,
    level: str | None,
    why: str | None,
    notes: tuple[str, ...],
    dry_run: bool,
    since: str | None,
    json_file: BinaryIO | None,
) -> None:
    """Release the templates of MODULE as its next version, or verify all releases.

    The rendered files are compared with the last release. Exits with 1 if LEVEL is too small for a
    change, with all reasons. The first release of a module gets the version in its contract.

    `finbase release verify --since REV` compares the releases with git: each release of REV must
    have its line in the lock, its hash and its files, and no line may ever have been different.
    Exits with 1 if a release differs. A pipeline calls it with the base of a pull request.

    \b
    Examples:
      finbase release cache patch -m "The alarm counts throttled commands as well."
      finbase release database minor -m "The log level can be chosen." --dry-run
      finbase release verify --since origin/main
    """
    if module == _VERIFY:
        if since is None or level or why or notes or dry_run or json_file:
            raise click.UsageError("`release verify` takes --since REV, and nothing else")
        _verify(root, since)
        return
    if since is not None:
        raise click.UsageError("--since compares releases: finbase release verify --since REV")
    from finbase.contract.registry import Registry
    from finbase.project import tree
    from finbase.project.journal import is_pending
    from finbase.release.compatibility import Level
    from finbase.release.notes import ReleaseRequest, fault
    from finbase.release.prepare import prepare, require_module
    from finbase.report.release import ReleaseReport
    from finbase.scaffold.shipment import refuse_shipped
    from finbase.system.clock import today

    require_module(Registry(root), module)
    refuse_shipped(root, module)
    if level is None:
        raise click.UsageError("add the level of the release: patch, minor or major")
    if why is None:
        raise click.UsageError('explain the change for the changelog: -m "why"')
    stream, _ = output_stream(json_file)
    for text in (why, *notes):
        if wrong := fault(text):
            raise click.UsageError(f"write a message or note as one line of text: {wrong}")
    day = today()
    with nullcontext() if dry_run else hold_journal(root) as journal:
        if dry_run and is_pending(root):
            note(PENDING)
        request = ReleaseRequest(module, Level[level.upper()], why, notes, day)
        prepared = prepare(root, Registry(root), request)
        report = ReleaseReport(prepared, dry_run)
        write_json(report, json_file)
        if prepared.refused:
            echo(report.reasons(), nl=False, file=stream)
            refuse(report.refusal())
        say(report.reasons(), nl=False, file=stream)
        if journal:
            tree.apply(prepared.steps, journal)
    say(report.text(), file=stream)


def _verify(root: Path, since: str) -> None:
    from finbase.release.history import verify_history

    if breaches := verify_history(root, since):
        print_breaches(breaches, diffs=True)
        sys.exit(FOUND)
    say(f"every release is as in the history of {since}")
