"""``finbase rules``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._project import answer, pass_root
from finbase.console.options import json_option
from finbase.console.speech import terminal_width


@click.command("rules")
@json_option("the list")
@pass_root
def rules(root: Path, json_file: BinaryIO | None) -> None:
    """List every rule, limit and note for environment files, with its code.

    \b
    Examples:
      finbase rules
      finbase rules --json rules.json
    """
    from finbase.contract.registry import Registry
    from finbase.report.rules import RulesReport

    answer(RulesReport(Registry(root), terminal_width()), json_file)
