"""``finbase release``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from generator.commands.shared import FOUND, hold_journal

__all__ = ["release"]


@click.command()
@click.argument("module")
@click.argument("level", type=click.Choice(["patch", "minor", "major"]))
@click.option("-m", "--message", "why", required=True, help="Why: a sentence for the changelog.")
@click.option(
    "--note", "notes", metavar="TEXT", multiple=True, help="What upgraders have to do; repeatable."
)
@click.option("--dry-run", is_flag=True, help="Tell what the release would be; write nothing.")
@click.pass_obj
def release(
    project: Path | None,
    module: str,
    level: str,
    why: str,
    notes: tuple[str, ...],
    dry_run: bool,
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
    from generator import tree
    from generator.compatibility import Level
    from generator.project import find_project
    from generator.registry import Registry
    from generator.release import prepare
    from generator.report import release_text

    root = find_project(project)
    for text in (why, *notes):
        if not text.strip() or "\n" in text:
            raise click.UsageError("a message or note is one line of text that is not empty")
    with hold_journal(root) as journal:
        prepared = prepare(
            root, Registry(root), module, Level[level.upper()], why, notes, release_text.today()
        )
        click.echo(release_text.reasons(prepared), nl=False)
        if prepared.refused:
            click.echo(release_text.refusal(prepared), err=True)
            sys.exit(FOUND)
        if not dry_run:
            tree.apply(prepared.steps, journal)
    click.echo(release_text.summary(prepared, dry_run))
