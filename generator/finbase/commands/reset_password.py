"""``finbase reset-password``."""

from __future__ import annotations

from pathlib import Path

import click

from finbase.commands._project import load_environment, pass_root
from finbase.commands._rendered import hold_journal, refuse_planted
from finbase.console.options import environment_argument
from finbase.console.speech import say

_NEXT = """\
next: commit it, then `finbase plan {name}` and `finbase apply {name} --accept-data-loss`
The apply creates a password, sets it on the instance, and writes it to the connection secret.
If the update of the instance fails, run `finbase reset-password {again}` again before you plan."""


@click.command()
@environment_argument
@click.option("--database", metavar="NAME", default="", help="A further database of ENV.")
@pass_root
def reset_password(root: Path, environment: str, database: str) -> None:
    """Let the next apply set a new master password in ENV.

    Increases `database.password_generation` in the environment's file by one, and renders its
    stack. AWS is not contacted, and nobody sees a password. If the rotation works, use it instead:
    it needs no apply.

    \b
    Examples:
      finbase reset-password production
      finbase reset-password production --database reports
    """
    from finbase.contract.registry import Registry
    from finbase.project import tree
    from finbase.upgrade.reset import reset

    refuse_planted(root)
    loaded = load_environment(root, environment)
    with hold_journal(root) as journal:
        change = reset(loaded, Registry(root), root, database)
        tree.apply(change.steps, journal)
    path, whose = loaded.document.path, f" of {database}" * bool(database)
    say(f"{path}: password_generation{whose} is {change.after}, and was {change.before}; rendered")
    again = f"{environment} --database {database}" if database else environment
    say(_NEXT.format(name=environment, again=again))
