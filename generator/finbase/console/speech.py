"""How commands speak: how much, in colour or not, and what long work is at.

Standard output is for answers, standard error for all else. ``--quiet`` holds back everything
but errors, what is wrong, and answers; ``--verbose`` adds what the core writes to its logs.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import click

from finbase.console import line as live

if TYPE_CHECKING:
    from finbase.system.progress import Watch

__all__ = [
    "add_verbosity_options",
    "coloured",
    "echo",
    "is_quiet",
    "is_verbose",
    "note",
    "output_stream",
    "progress",
    "redirect_to_devnull",
    "say",
    "terminal_width",
]

_QUIET, _VERBOSE = "finbase.quiet", "finbase.verbose"


# --- how much -------------------------------------------------------------------------------------


def add_verbosity_options(command: click.Command) -> click.Command:
    """Give a command, and all below it, ``--quiet`` and ``--verbose``; once is as good as twice."""
    if not any(parameter.name == "quiet" for parameter in command.params):
        command.params += _options()
    if isinstance(command, click.Group):
        for below in command.commands.values():
            add_verbosity_options(below)
    return command


def _options() -> list[click.Parameter]:
    return [
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_be_quiet,
            help="Tell only what is wrong, and what was asked for.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_be_verbose,
            help="Tell each program that is run, with its time and folder.",
        ),
    ]


def _be_quiet(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: ARG001
    if value:
        ctx.meta[_QUIET] = True
        _at_odds(ctx)


def _be_verbose(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: ARG001
    if value and not ctx.meta.get(_VERBOSE) and not ctx.resilient_parsing:
        ctx.meta[_VERBOSE] = True
        _at_odds(ctx)
        _tell_logs(ctx)


def _at_odds(ctx: click.Context) -> None:
    if ctx.meta.get(_QUIET) and ctx.meta.get(_VERBOSE) and not ctx.resilient_parsing:
        raise click.UsageError("--quiet and --verbose cannot both be", ctx)


def _tell_logs(ctx: click.Context) -> None:
    import logging

    class Teller(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            echo(self.format(record), err=True)

    logger, teller = logging.getLogger("finbase"), Teller()
    level = logger.level
    logger.addHandler(teller)
    logger.setLevel(logging.DEBUG)

    def stop() -> None:
        logger.removeHandler(teller)
        logger.setLevel(level)

    ctx.find_root().call_on_close(stop)


def is_quiet() -> bool:
    """Say whether only what is wrong is to be told."""
    return _asked(_QUIET)


def is_verbose() -> bool:
    """Say whether ``--verbose`` asks for details."""
    return _asked(_VERBOSE)


def _asked(key: str) -> bool:
    ctx = click.get_current_context(silent=True)
    return bool(ctx and ctx.meta.get(key))


# --- where, and in what colour --------------------------------------------------------------------


def echo(text: str = "", *, nl: bool = True, err: bool = False, **more: Any) -> None:
    """Print, as ``click.echo`` does, beside a line of progress.

    A reader who does not wait for the end ends nothing: what is written to files is for others.
    """
    with live.aside():
        try:
            click.echo(text, nl=nl, err=err, **more)
        except BrokenPipeError:
            redirect_to_devnull(more.get("file") or (sys.stderr if err else sys.stdout))


def redirect_to_devnull(stream: TextIO) -> None:
    """Let all that is still printed there go nowhere: nobody reads it, or it cannot be written."""
    with contextlib.suppress(OSError, ValueError):  # ValueError: it has no place of its own.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def say(text: str = "", *, nl: bool = True, **more: Any) -> None:
    """Print what is done and well; nothing when quiet."""
    if not is_quiet():
        echo(text, nl=nl, **more)


def note(text: str) -> None:
    """Print on standard error what is good to know; nothing when quiet."""
    if not is_quiet():
        echo(text, err=True)


def output_stream(*files: BinaryIO | None) -> tuple[TextIO, bool]:
    """Where people read the answer, and whether in colour.

    That is standard error where a file goes to standard output, and nowhere when quiet and the
    answer goes to a file.
    """
    asked = [file for file in files if file is not None]
    if asked and is_quiet():
        return io.StringIO(), False
    piped = any(file.name == "<stdout>" for file in asked)
    stream = sys.stderr if piped else sys.stdout
    return stream, coloured(stream)


def coloured(stream: TextIO) -> bool:
    """Say whether a stream takes colour: https://no-color.org and https://bixense.com/clicolors."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def terminal_width() -> int:
    """Say how many columns a table may take."""
    import shutil

    return min(shutil.get_terminal_size((120, 24)).columns, 140)


# --- progress -------------------------------------------------------------------------------------


@contextmanager
def progress(total: int = 0, *, lines: bool = False) -> Iterator[Watch]:
    """Show on a terminal what long work is at; give the ``Watch`` to be told of it.

    One line of standard error is written over and over, and is gone at the end; with ``lines``
    each step gets one or two of its own, for work that itself writes to the terminal. Nothing
    is shown when quiet, in a pipe or in CI; with --verbose each step is told when it is over.
    """
    from finbase.system.progress import Stages, clock, unwatched

    if _asked(_VERBOSE):
        yield Stages(total, ended=_log)
    elif is_quiet() or not _watched(sys.stderr):
        yield unwatched
    elif lines:

        def over(name: str, step: str, seconds: float) -> None:
            echo(f"{name}: {step}, {clock(seconds)}", err=True)

        stages = Stages(total, ended=over)

        def told(name: str, step: str) -> None:
            stages(name, step)
            if step:
                echo(f"{name}: {step} …", err=True)

        yield told
    else:
        stages = Stages(total)
        with live.Line(stages.line, sys.stderr):
            yield stages


def _watched(stream: TextIO) -> bool:
    """Whether somebody looks at the stream; some CI systems give their jobs a terminal."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def _log(name: str, step: str, seconds: float) -> None:
    import logging

    logging.getLogger("finbase.system.progress").debug("%s: %s, %.2f s", name, step, seconds)
