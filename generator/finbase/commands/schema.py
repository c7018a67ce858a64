"""``finbase schema``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._project import pass_root


@click.command()
@click.option(
    "--output",
    metavar="FILE",
    type=click.File("wb"),
    default="-",
    help="Write to FILE instead of standard output.",
)
@pass_root
def schema(root: Path, output: BinaryIO) -> None:
    """Print the JSON Schema of environment files, for editors.

    It is generated from the contracts: the keys of each module at each version, their meaning and
    their limits. `finbase render` writes it to environments/environment.schema.json. The first line
    of an environment file refers to it:

    \b
      # yaml-language-server: $schema=environment.schema.json

    \b
    Examples:
      finbase schema
      finbase schema --output environment.schema.json
    """
    from finbase.contract.registry import Registry
    from finbase.render.editor_schema import pinnable
    from finbase.render.project import render_schema

    output.write(render_schema(pinnable(Registry(root))))
