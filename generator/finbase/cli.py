"""The command line: the table of commands, and how errors become messages and exit codes.

Exit codes: 0 success, 1 something found, 2 wrong usage or input, 130 interrupted, 141 the reader of
standard output has gone.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

import click
from click.shell_completion import CompletionItem

from finbase.console.speech import ERROR, add_verbosity_options, echo, redirect_to_devnull

_USAGE_OR_INPUT = 2
_INTERRUPTED = 130
_READER_GONE = 141
# New objects between two searches for unreachable cycles. Almost all objects of a command live
# until it ends, so Python's own 700 cost a twentieth of the processor time of a render.
_BETWEEN_COLLECTIONS = 50_000


_COMMANDS: Final = {
    "apply": "Apply a saved plan after checking it.",
    "affected": "List environments that a commit can change.",
    "check": "Plan environments offline and check the plans.",
    "completion": "Print the completion script of a shell.",
    "diff": "Show how two environments differ.",
    "doctor": "Check the installation and the project.",
    "drift": "Compare what runs with what is rendered.",
    "evidence": "Bundle and sign the evidence on an environment.",
    "explain": "Explain a code, a failure or an input.",
    "graph": "Draw the modules, network or flows of a stack.",
    "init": "Create a project in this folder.",
    "matrix": "Distribute environments over CI jobs.",
    "new": "Create a module, an environment or a pipeline.",
    "outdated": "List pins that have newer releases.",
    "plan": "Plan an environment on its AWS account.",
    "provider": "Pin the AWS provider and its checksums.",
    "prove": "Prove that the checks detect each failure.",
    "rehearse": "Apply, rotate and destroy on a local AWS.",
    "release": "Release the next version of a module.",
    "render": "Write modules and stacks from the YAML files.",
    "report": "Merge the verdicts of several jobs.",
    "reset-password": "Let the next apply set a new master password.",
    "rules": "List the rules for environment files.",
    "sandbox": "Serve a local AWS until Ctrl-C.",
    "schema": "Print the JSON Schema of environment files.",
    "show": "Show every value of an environment.",
    "update": "Bring a project to the installed finbase.",
    "upgrade": "Preview newer module versions, and pin them.",
}
"""Summary of each command; the module with its name is imported only to run it."""


class Finbase(click.Group):
    """The group of all commands; turns every known error into a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the sorted names of the commands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command, or return None for an unknown name."""
        if cmd_name not in _COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(import_module(f"finbase.commands.{name}"), name)
        assert isinstance(command, click.Command)  # noqa: S101
        return add_verbosity_options(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a command line; suggest a name for a mistyped one."""
        if not ctx.resilient_parsing and args[0] not in _COMMANDS and args[0][:1].isalnum():
            from difflib import get_close_matches

            message = f"no such command {args[0]!r}"
            if near := get_close_matches(args[0], _COMMANDS, n=1):
                message += f". Did you mean {near[0]!r}?"
            ctx.fail(message)
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Parse the command line, which may print a help text."""
        with _exit_if_reader_is_gone():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _exit_if_reader_is_gone():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            names = self.list_commands(ctx)
            formatter.write_dl([(name, _COMMANDS[name]) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete options and commands without importing the commands."""
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
        """Run finbase and exit; every known error is printed without a traceback."""
        _make_streams_printable()
        gc.set_threshold(_BETWEEN_COLLECTIONS)
        if os.environ.get("_FINBASE_COMPLETE"):
            import_module("finbase.commands.completion")  # It replaces click's class for bash.
        run = partial(super().main, args, prog_name, complete_var, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        try:
            code: object = run()
        except click.Abort:
            _end("interrupted; all child processes were stopped", _INTERRUPTED)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.message, err=True)
            sys.exit(_USAGE_OR_INPUT)
        except click.ClickException as error:
            _end(_usage(error), _USAGE_OR_INPUT)
        except Exception as error:
            _end(_known(error), _USAGE_OR_INPUT)
        sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def _exit_if_reader_is_gone() -> Iterator[None]:
    """Exit with 141, as other programs do, if nobody reads standard output; click exits with 1."""
    try:
        yield
    except BrokenPipeError:
        redirect_to_devnull(sys.stdout)
        raise click.exceptions.Exit(_READER_GONE) from None


def _usage(error: click.ClickException) -> str:
    """Return the message for a wrong command line, with the usage as a hint."""
    message = error.format_message().rstrip(".")
    if near := getattr(error, "possibilities", None):  # Click lists up to three, sorted by name.
        message = f"{error.message.rstrip('.')}. Did you mean {near[0]!r}?"
    message = message[:1].lower() + message[1:]
    ctx = getattr(error, "ctx", None)
    if isinstance(error, click.FileError):
        hint = "name a file that can be read or written, or `-` for standard input or output"
        return f"{message}\n    hint: {hint}"
    if not isinstance(ctx, click.Context):
        return message
    usage = ctx.command.get_usage(ctx).removeprefix("Usage: ")
    more = f"see `{ctx.command_path} --help`"
    return f"{ctx.command_path}: {message}\n    hint: usage: {' '.join(usage.split())}; {more}"


def _make_streams_printable() -> None:
    """Replace missing streams by the null device, and escape what a stream cannot encode."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _known(error: Exception) -> str:
    """Return the message for wrong input or a failed file; raise an unexpected error again."""
    from finbase.errors import FinbaseError

    if isinstance(error, FinbaseError):
        return str(error)
    if isinstance(error, MemoryError):
        return "out of memory\n    hint: close other programs, or pass smaller files"
    if isinstance(error, OSError) and error.filename:
        hint = "check that the file exists and that this user has the permission"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "free some space, or use a folder on another disk"
        return f"{error.filename}: {error.strerror}\n    hint: {hint}"
    if isinstance(error, FileNotFoundError):  # Without a name, it is the current folder.
        return "the current folder was deleted\n    hint: change to a folder that exists"
    if isinstance(error, OSError) and error.errno:
        redirect_to_devnull(sys.stdout)  # Python would try to flush it again at exit.
        return f"{error.strerror}\n    hint: the output is incomplete"
    raise error


def _end(message: str, code: int) -> NoReturn:
    echo(message, err=True, looks=ERROR)
    sys.exit(code)


@click.group(
    "finbase",
    cls=Finbase,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--project",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Use the project in DIR. Default: the nearest project at or above the current folder.",
)
@click.version_option(package_name="finbase", prog_name="finbase")
@click.pass_context
def main(ctx: click.Context, project: Path | None) -> None:
    """Turn one YAML file per environment into versioned Terraform, and prove it.

    Start with `finbase render`, then `finbase check`. `finbase doctor` checks the installation.
    """
    if project and not project.exists() and ctx.invoked_subcommand != "init":
        message = f"Directory {str(project)!r} does not exist."
        raise click.BadParameter(message, param_hint="--project")
    ctx.obj = project


add_verbosity_options(main)


if __name__ == "__main__":
    main()
