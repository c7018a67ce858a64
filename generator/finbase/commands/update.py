"""``finbase update``."""

from __future__ import annotations

from pathlib import Path

import click

from finbase.commands._project import pass_root, refuse
from finbase.console.speech import DIFF, echo, note, say


@click.command()
@click.option("--write", is_flag=True, help="Write the changes.")
@click.option("--diff", is_flag=True, help="Show the changed lines, except those of new releases.")
@pass_root
def update(root: Path, write: bool, diff: bool) -> None:
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
    from finbase.upgrade import following

    with hold_journal(root) as journal:
        found = following.find_update(root)
        for line in following.summary(found):
            say(line)
        if diff:
            echo(following.changed_files(found), nl=False, looks=DIFF)
        if found.edited:
            names = "".join(f"\n  {path}" for path in found.edited)
            refuse(
                f"nothing was written, because these files of finbase were edited:{names}\n"
                "    hint: restore them; put changes into modules and controls of your own"
            )
        if not found.steps:
            say(f"the project is of finbase {found.after}; nothing to do")
        elif not write:
            say("nothing was written; use --write to write it")
        else:
            following.write(found, journal)
            say("written. Next: finbase render, finbase check, finbase outdated")
            if found.remark:
                note(found.remark)
