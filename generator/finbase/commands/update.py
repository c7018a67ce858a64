"""``finbase update``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from finbase.console.options import FOUND
from finbase.console.speech import DIFF, echo, error, note, say


@click.command()
@click.option("--write", is_flag=True, help="Write the changes.")
@click.option("--diff", is_flag=True, help="Show the changed lines, except those of new releases.")
@click.pass_obj
def update(project: Path | None, write: bool, diff: bool) -> None:
    """Show what the installed finbase changes in a project of `finbase init`; write it.

    It brings newer releases of modules, templates and controls, and changes the version and hash
    in requirements.txt. Environments keep the versions that they pin. Modules, controls and
    environments of your own stay. Exits with 1, and writes nothing, if a file of finbase was
    edited.

    \b
    Examples:
      finbase update --diff
      finbase update --write
    """
    from finbase.commands._rendered import hold_journal
    from finbase.project.find import find_project
    from finbase.scaffold.shipment import WITHOUT_HASH
    from finbase.upgrade import following

    root = find_project(project)
    with hold_journal(root) as journal:
        found = following.find_update(root)
        for line in following.summary(found):
            say(line)
        if diff:
            echo(following.changed_files(found), nl=False, looks=DIFF)
        if found.edited:
            names = "".join(f"\n  {path}" for path in found.edited)
            error(
                f"nothing was written, because these files of finbase were edited:{names}\n"
                "    hint: restore them; put changes into modules and controls of your own"
            )
            sys.exit(FOUND)
        if not found.steps:
            say(f"the project is of finbase {found.after}; nothing to do")
        elif not write:
            say("nothing was written; use --write to write it")
        else:
            following.write(found, journal)
            say("written. Next: finbase render, finbase check, finbase outdated")
            if found.without_hash:
                note(WITHOUT_HASH)
