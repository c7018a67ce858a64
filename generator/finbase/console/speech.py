"""Print for people: how much, in which colours, and the progress of long work.

Answers go to standard output and everything else to standard error. ``--quiet`` prints only errors,
findings and requested answers; ``--verbose`` adds the log of every program that is run.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TextIO, TypeAlias

import click

from finbase.console import line

if TYPE_CHECKING:
    from finbase.system.progress import Watch

Looks: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Regular expression → arguments of ``click.style`` for the text that it matches."""

# Colour marks the outcome, the same in every command.
PASS: Final = {"fg": "green", "bold": True}
WARN: Final = {"fg": "yellow", "bold": True}
FAIL: Final = {"fg": "red", "bold": True}
ERROR: Final[Looks] = {r"^    hint:": {"fg": "cyan"}, r"^(?=[^\s\x1b]).+": FAIL}
DIFF: Final[Looks] = {
    r"^(?:---|\+\+\+) .*": {"bold": True},
    r"^@@.*": {"fg": "cyan"},
    r"^-.*": {"fg": "red"},
    r"^\+.*": {"fg": "green"},
}
_NOTE: Final[Looks] = {r"^    hint:": {"fg": "cyan"}, r"\bnote:": WARN}
_QUIET, _VERBOSE = "finbase.quiet", "finbase.verbose"


# --- how much -------------------------------------------------------------------------------------


def add_verbosity_options(command: click.Command) -> click.Command:
    """Add ``--quiet`` and ``--verbose`` to a command and its subcommands, unless they have them."""
    if not any(parameter.name == "quiet" for parameter in command.params):
        command.params += _options()
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            add_verbosity_options(subcommand)
    return command


def _options() -> list[click.Parameter]:
    return [
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_set,
            help="Print only errors, findings and the requested output.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_set,
            help="Print all details, and each program that is run with its duration and folder.",
        ),
    ]


def _set(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    key = f"finbase.{parameter.name}"
    if not value or ctx.resilient_parsing or ctx.meta.get(key):
        return
    ctx.meta[key] = True
    if ctx.meta.get(_QUIET) and ctx.meta.get(_VERBOSE):
        raise click.UsageError("--quiet and --verbose are mutually exclusive", ctx)
    if key == _VERBOSE:
        _print_log(ctx)


def _print_log(ctx: click.Context) -> None:
    """Print the log of finbase until the command ends."""
    import logging

    class Printer(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            echo(self.format(record), err=True)

    logger, printer = logging.getLogger("finbase"), Printer()
    level = logger.level
    logger.addHandler(printer)
    logger.setLevel(logging.DEBUG)

    def stop() -> None:
        logger.removeHandler(printer)
        logger.setLevel(level)

    ctx.find_root().call_on_close(stop)


def is_quiet() -> bool:
    """Return whether ``--quiet`` is set."""
    return _is_set(_QUIET)


def is_verbose() -> bool:
    """Return whether ``--verbose`` is set."""
    return _is_set(_VERBOSE)


def _is_set(key: str) -> bool:
    ctx = click.get_current_context(silent=True)
    return bool(ctx and ctx.meta.get(key))


# --- where, and in which colours ------------------------------------------------------------------


def echo(
    text: str = "", *, nl: bool = True, err: bool = False, looks: Looks | None = None, **more: Any
) -> None:
    """Print as ``click.echo`` does, above the progress line; style ``looks`` on a terminal.

    The text may contain names and lines of others, so it is made safe to print first.

    If the reader of the stream has gone, the command continues: its files are for other readers.
    """
    from finbase.system.printable import printable, without_commands

    stream = more.get("file") or (sys.stderr if err else sys.stdout)
    text = without_commands(printable(text), os.environ)
    if looks and coloured(stream):
        text, more["color"] = paint(text, looks), True
    with line.aside():
        try:
            click.echo(text, nl=nl, err=err, **more)
        except BrokenPipeError:
            redirect_to_devnull(stream)


def paint(text: str, looks: Looks) -> str:
    """Style the matches of each pattern; a line that starts styled is not matched again.

    >>> paint("-a", {"^-.*": {"fg": "red"}})
    '\\x1b[31m-a\\x1b[0m'
    """
    for pattern, look in looks.items():
        text = re.sub(
            pattern,
            lambda match, look=look: click.style(match[0], **look),  # type: ignore[misc]
            text,
            flags=re.MULTILINE,
        )
    return text


def redirect_to_devnull(stream: TextIO) -> None:
    """Discard further output of a stream that nobody reads or that cannot be written."""
    with contextlib.suppress(OSError, ValueError):  # ValueError: it has no file descriptor.
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stream.fileno())
        os.close(devnull)


def say(text: str = "", *, nl: bool = True, **more: Any) -> None:
    """Print a success message, unless ``--quiet`` is set."""
    if not is_quiet():
        echo(text, nl=nl, **more)


def note(text: str) -> None:
    """Print a note on standard error, unless ``--quiet`` is set."""
    if not is_quiet():
        echo(text, err=True, looks=_NOTE)


def error(text: str) -> None:
    """Print an error message and its hint on standard error."""
    echo(text, err=True, looks=ERROR)


def output_stream(*files: BinaryIO | None) -> tuple[TextIO, bool]:
    """Return the stream for the answer that people read, and whether it takes colour.

    It is standard error if a file goes to standard output. It discards everything if ``--quiet``
    is set and the answer goes to a file.
    """
    requested = [file for file in files if file is not None]
    if requested and is_quiet():
        return io.StringIO(), False
    piped = any(file.name == "<stdout>" for file in requested)
    stream = sys.stderr if piped else sys.stdout
    return stream, coloured(stream)


def coloured(stream: TextIO) -> bool:
    """Return whether a stream takes colour.

    Follows https://no-color.org and https://bixense.com/clicolors.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def terminal_width() -> int:
    """Return the number of columns for tables, at most 140."""
    import shutil

    return min(shutil.get_terminal_size((120, 24)).columns, 140)


def table_width(stream: TextIO) -> int | None:
    """Return the width for a table with one row per value, or None where programs may read it."""
    return terminal_width() if stream.isatty() or os.environ.get("COLUMNS") else None


# --- progress -------------------------------------------------------------------------------------


@contextmanager
def progress(total: int = 0, *, lines: bool = False) -> Iterator[Watch]:
    """Show the progress of long work; yield the ``Watch`` that each step is reported to.

    One line of standard error is redrawn and removed at the end. With ``lines``, each step gets its
    own lines, for work that writes to the terminal itself. With ``--verbose`` each finished step is
    logged. Nothing is shown with ``--quiet``, in a pipe or in CI.
    """
    from finbase.system.progress import Stages, clock, ignore

    if _is_set(_VERBOSE):
        yield Stages(total, ended=_log)
    elif is_quiet() or not _is_watched(sys.stderr):
        yield ignore
    elif lines:

        def report_end(name: str, step: str, seconds: float) -> None:
            echo(f"{name}: {step}, {clock(seconds)}", err=True)

        stages = Stages(total, ended=report_end)

        def report_step(name: str, step: str) -> None:
            stages(name, step)
            if step:
                echo(f"{name}: {step} …", err=True)

        yield report_step
    else:
        stages = Stages(total)
        with line.Line(stages.line, sys.stderr):
            yield stages


def _is_watched(stream: TextIO) -> bool:
    """Return whether a person reads the stream; jobs of some CI systems have a terminal."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def _log(name: str, step: str, seconds: float) -> None:
    import logging

    logging.getLogger("finbase.system.progress").debug("%s: %s, %.2f s", name, step, seconds)
