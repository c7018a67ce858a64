"""``finbase explain``."""

from __future__ import annotations

from pathlib import Path

import click

from finbase.console import completion as names
from finbase.console.speech import terminal_width

__all__ = ["explain"]


@click.command()
@click.argument("code", metavar="CODE|INPUT", shell_complete=names.codes)
@click.pass_obj
def explain(project: Path | None, code: str) -> None:
    """Tell what a code or an input demands, why, where that can be read, and an example.

    A code can also be the id of a failure, as `finbase check` prints it.

    \b
    Examples:
      finbase explain FB207
      finbase explain database.port
      finbase explain F01
    """
    from finbase.contract.registry import Registry
    from finbase.project.find import find_project
    from finbase.report import rules as words

    click.echo(words.explain(code, Registry(find_project(project)), terminal_width()))
