"""Every command with its usage, what it does, its options and examples: from click alone."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator

import click

from docs.generate.markdown import block, code, slug, table
from docs.generate.markdown import page as joined
from finbase.cli import main

__all__ = ["examples", "page", "walk"]

_INTRODUCTION = """# Commands

Each command takes `--project DIR` before its name, and works on the nearest folder above that is a
project otherwise. [Exit codes](index.md#exit-codes) mean the same everywhere."""


def walk(context: click.Context | None = None) -> Iterator[click.Context]:
    """Give each command from a context down, by name, as the context of a call of it."""
    if context is None:
        context = click.Context(main, info_name="finbase", **main.context_settings)
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            below = context.command.get_command(context, name)
            if below and not below.hidden:
                settings = below.context_settings
                yield from walk(click.Context(below, context, info_name=name, **settings))


def examples(command: click.Command) -> tuple[str, ...]:
    """The lines that the help of a command gives as examples."""
    return tuple(
        line.strip()
        for part in _paragraphs(command)
        if part.startswith("\b\nExample")
        for line in part.splitlines()[2:]
    )


def page() -> str:
    """All commands in Markdown."""
    contexts = list(walk())
    names = [
        (context.command_path, context.command.get_short_help_str(200)) for context in contexts
    ]
    listed = table(
        ("command", "what it does"),
        [(f"[{code(name)}](#{slug(name)})", words) for name, words in names],
    )
    return joined(_INTRODUCTION, listed, *map(_section, contexts))


def _section(context: click.Context) -> str:
    command = context.command
    words = [
        " ".join(part.split())
        for part in _paragraphs(command)
        if not part.startswith("\b\nExample")
    ]
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    records = [
        record
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) and record[1]
    ]
    shown = examples(command)
    return joined(
        f"## {context.command_path}",
        block("text", usage),
        *map(_wrapped, words),
        table(("option", ""), [(code(name), text) for name, text in records]) if records else "",
        "Examples:\n\n" + block("text", "\n".join(shown)) if shown else "",
    )


def _paragraphs(command: click.Command) -> list[str]:
    text = inspect.cleandoc(command.help or "")
    return [part for part in text.split("\n\n") if part.strip()]


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)
