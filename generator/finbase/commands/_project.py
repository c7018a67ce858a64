"""What most commands do: find the project, load an environment, print a report, or refuse."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TextIO

import click

from finbase.console.options import FOUND
from finbase.console.speech import Looks, echo, error, output_stream

if TYPE_CHECKING:
    from finbase.environment.model import Environment
    from finbase.report.documents import Report


def pass_root(function: Callable[..., None]) -> Callable[..., None]:
    """Pass the project's folder as the first argument; raises ``FinbaseError`` outside of one."""

    @wraps(function)
    def command(project: Path | None, *args: Any, **options: Any) -> None:
        from finbase.project.find import find_project

        function(find_project(project), *args, **options)

    return click.pass_obj(command)


def gather(
    name: str, group: Callable[..., object]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Pass those options that are fields of the dataclass ``group`` as one argument, ``name``."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def command(*args: Any, **options: Any) -> None:
            own = {key: options.pop(key) for key in signature(group).parameters if key in options}
            function(*args, **{name: group(**own)}, **options)

        return command

    return decorate


def load_environment(root: Path, name: str) -> Environment:
    """Return one environment; raises ``InputError`` for an invalid or missing file."""
    from finbase.contract.registry import Registry
    from finbase.environment.load import load_environments

    (environment,) = load_environments(root, Registry(root), [name])
    return environment


def answer(
    report: Report,
    json_file: BinaryIO | None,
    *,
    show: Callable[..., None] = echo,
    looks: Looks | None = None,
    color: bool | None = None,
    found: object = False,
) -> TextIO:
    """Print a report and write its JSON document; return the stream for further lines.

    Exits with the code of a finding if ``found`` is true.
    """
    stream, _ = output_stream(json_file)
    show(report.text(), file=stream, looks=looks, color=color)
    write_json(report, json_file)
    if found:
        sys.exit(FOUND)
    return stream


def write_json(report: Report, file: BinaryIO | None) -> None:
    """Write the JSON document of a report, if a file for it was named."""
    if file:
        from finbase.report import documents

        file.write(documents.render(report))


def refuse(text: str) -> NoReturn:
    """Print an error with its hint, and exit with the code of a finding."""
    error(text)
    sys.exit(FOUND)
