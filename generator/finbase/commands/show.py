"""``finbase show``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._project import answer, load_environment, pass_root
from finbase.console import completion
from finbase.console.options import environment_argument, json_option
from finbase.console.speech import output_stream, table_width


@click.command()
@environment_argument
@click.argument("module", metavar="[MODULE]", default="", shell_complete=completion.pinned_modules)
@json_option("the values")
@pass_root
def show(root: Path, environment: str, module: str, json_file: BinaryIO | None) -> None:
    """Show every value of ENV: set in its file, a default, or wired from another module.

    FILE can be `-` for standard output; the table then goes to standard error.

    \b
    Examples:
      finbase show production
      finbase show production database
    """
    from finbase.errors import FinbaseError
    from finbase.render.values import values
    from finbase.report.values import ValuesReport
    from finbase.source.scalars import with_closest

    loaded = load_environment(root, environment)
    try:
        rows = list(values(loaded, module))
    except KeyError:
        names = [use.name for use in loaded.modules]
        hint = with_closest(module, names, f"it has {', '.join(names)}")
        raise FinbaseError(f"{environment} has no module {module}", hint) from None
    stream, _ = output_stream(json_file)
    answer(ValuesReport(environment, rows, table_width(stream)), json_file)
