"""``finbase rules``."""

from __future__ import annotations

from pathlib import Path

import click

from generator.commands.shared import terminal_width

__all__ = ["rules"]


@click.command("rules")
@click.pass_obj
def rules(project: Path | None) -> None:
    """List every rule, bound and note with its code, and what it is about."""
    from generator.project import find_project
    from generator.registry import Registry
    from generator.report import rules_text

    click.echo(rules_text.listing(Registry(find_project(project)), terminal_width()))
