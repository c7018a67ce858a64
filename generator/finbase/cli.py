"""The command line: the table of the commands, and how errors are told.

Exit codes: 0 fine, 1 found something, 2 wrong usage or input, 130 interrupted, 141 left
by whoever reads a pipe.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from finbase.console.speech import add_verbosity_options, redirect_to_devnull

__all__ = ["main"]

WRONG = 2
INTERRUPTED = 130
UNREAD = 141

_COMMANDS = {
    "apply": "Check a saved plan of an environment, and apply that very plan.",
    "affected": "Name the environments whose plan a change can change.",
    "check": "Plan each environment offline and judge the plan.",
    "completion": "Print the script with which a shell completes finbase.",
    "diff": "Show how two environments differ.",
    "doctor": "Say what is missing, and the command that brings it.",
    "explain": "Tell why a code, a failure or an input is held to what it is.",
    "graph": "Draw the modules, the network or the flows of a stack.",
    "matrix": "Distribute environments over CI jobs.",
    "new": "Begin a module, an environment or a pipeline.",
    "outdated": "List pins that newer releases have followed.",
    "plan": "Plan an environment on its real account, and sum the plan up.",
    "prove": "Put each failure back and see it caught.",
    "rehearse": "Apply, rotate and destroy an environment on a local AWS.",
    "release": "Make what a module's templates render its next version.",
    "render": "Write modules and stacks from the YAML files.",
    "report": "Work on the verdicts of several jobs.",
    "rules": "List what an environment file is held to.",
    "sandbox": "Serve a local AWS for use by hand.",
    "schema": "Print the JSON Schema of environment files, for editors.",
    "show": "Show every value of an environment and where it comes from.",
    "upgrade": "Show what newer releases do to an environment, and move its pins.",
}
"""Command → what the list of commands says of it. Its file in ``generator/commands`` is loaded
only where it runs."""


class Finbase(click.Group):
    """The group of all commands; turns every known error into a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name the commands, sorted."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command; None where there is none of that name."""
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"finbase.commands.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101
        return add_verbosity_options(command)

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Read the command line; help is printed on the way."""
        with _reader_may_leave():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; where nobody reads on, end as others do."""
        with _reader_may_leave():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name]) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete options and commands, again without loading one."""
        commands = [
            CompletionItem(name, help=_COMMANDS[name])
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and end with the exit code; what goes wrong is told in one voice."""
        _can_print_anything()
        if os.environ.get("_FINBASE_COMPLETE"):
            import_module("finbase.commands.completion")  # It has our own way with bash.
        run = partial(super().main, args, prog_name, complete_var, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        try:
            code: object = run()
        except click.Abort:
            _end("interrupted: nothing is left running", INTERRUPTED)
        except click.exceptions.NoArgsIsHelpError as error:
            _end(error.message, WRONG)
        except click.ClickException as error:
            _end(_usage(error), WRONG)
        except Exception as error:
            _end(_known(error), WRONG)
        sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """End as a program that its reader has left, and not as click, which would say 1."""
    try:
        yield
    except BrokenPipeError:
        redirect_to_devnull(sys.stdout)
        raise click.exceptions.Exit(UNREAD) from None


def _usage(error: click.ClickException) -> str:
    """Say what is wrong with a command line, in our voice."""
    message = error.format_message().rstrip(".").replace(". Did you", "; did you")
    message = message[:1].lower() + message[1:]
    ctx = getattr(error, "ctx", None)
    if isinstance(error, click.FileError):
        return f"{message}\n    hint: name a file that can be read or written, or - for a stream"
    if not isinstance(ctx, click.Context):
        return message
    usage = ctx.command.get_usage(ctx).removeprefix("Usage: ")
    where = f"`{ctx.command_path} --help` tells more"
    return f"{ctx.command_path}: {message}\n    hint: usage: {' '.join(usage.split())}; {where}"


def _can_print_anything() -> None:
    """Let no stream be missing, and let what it cannot encode be escaped."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _known(error: Exception) -> str:
    """Say what went wrong with input or files; what is not known is raised again."""
    from finbase.errors import FinbaseError

    if isinstance(error, FinbaseError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        hint = "it has to be there, and this user has to be allowed to do that"
        return f"{error.filename}: {error.strerror}\n    hint: {hint}"
    if isinstance(error, OSError) and error.errno:
        redirect_to_devnull(sys.stdout)  # What it still holds would be tried again at the end.
        return f"{error.strerror}\n    hint: what was to be written or printed is not whole"
    raise error


def _end(message: str, code: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)


@click.group(
    "finbase",
    cls=Finbase,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--project",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of the project; default: this one or the nearest above it that is one.",
)
@click.version_option(package_name="finbase", prog_name="finbase")
@click.pass_context
def main(ctx: click.Context, project: Path | None) -> None:
    """Turn one YAML file per environment into versioned Terraform, and prove it.

    Begin with `finbase render`, then `finbase check`; `finbase doctor` says what is missing.
    """
    ctx.obj = project


add_verbosity_options(main)


if __name__ == "__main__":
    main()
