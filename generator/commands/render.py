"""``finbase render``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from generator.commands.shared import FOUND, PENDING, hold_journal, load_rendered, tell_breaches

__all__ = ["render"]


@click.command()
@click.argument("environments", metavar="[ENV]...", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; print the difference and exit 1.")
@click.option(
    "--force", is_flag=True, help="Write over and delete files there that finbase did not render."
)
@click.pass_obj
def render(project: Path | None, environments: tuple[str, ...], check: bool, force: bool) -> None:
    """Write modules/ and environments/ENV/ from templates/ and environments/ENV.yaml.

    Without ENV all environments are rendered, and a stack whose YAML file is gone is removed.
    Only what differs is written: all of it, or nothing where anything fails.

    \b
    Examples:
      finbase render
      finbase render production
      finbase render --check
    """
    from generator import journal, tree
    from generator.project import find_project
    from generator.report import changes as words

    root = find_project(project)
    if check:
        found = load_rendered(root, environments)
        if journal.is_pending(root):
            click.echo(PENDING, err=True)
        click.echo(tree.diff(found.changes), nl=False)
        tell_breaches((b for b in found.breaches if not b.restored_by), diffs=True)
        tell_breaches((b for b in found.breaches if b.restored_by), diffs=False)
        if found.changes.clean and not found.breaches:
            click.echo(words.summary(found.loaded, found.changes, "all as rendered"))
            return
        outcome = "not as rendered"
        if not found.breaches:
            outcome += ": run `finbase render`"
        click.echo(words.summary(found.loaded, found.changes, outcome), err=True)
        sys.exit(FOUND)
    restores = {"render", "force"} if force else {"render"}
    with hold_journal(root) as held:
        found = load_rendered(root, environments)
        if lasting := [b for b in found.breaches if b.restored_by not in restores]:
            tell_breaches(lasting, diffs=True)
            click.echo(words.summary(found.loaded, found.changes, "nothing was written"), err=True)
            sys.exit(FOUND)
        tree.write(found.changes, held, force=force)
    for stack, kept in found.changes.abandoned.items():
        click.echo(f"note: {words.abandoned(stack, kept)}", err=True)
    for folder, counts in words.by_folder(found.changes).items():
        click.echo(f"  {folder}: {counts}")
    outcome = "nothing to do" if found.changes.clean else "written"
    click.echo(words.summary(found.loaded, found.changes, outcome))
