"""Walk the tree of commands, and read the examples in their help."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from finbase.cli import main


def walk(context: click.Context | None = None) -> Iterator[click.Context]:
    """Yield the context of each visible command from ``context`` (default: finbase) down."""
    context = context or click.Context(main, info_name="finbase", **main.context_settings)
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            if not command.hidden:
                settings = command.context_settings
                yield from walk(click.Context(command, context, info_name=name, **settings))


def examples(command: click.Command) -> tuple[str, ...]:
    """Return the example command lines in the help of a command."""
    _, _, text = inspect.cleandoc(command.help or "").partition("\b\nExamples:\n")
    return tuple(line.strip() for line in text.splitlines())
