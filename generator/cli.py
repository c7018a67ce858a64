"""The command line: the table of the commands, and how errors are told.

Exit codes: 0 fine, 1 found something, 2 wrong usage or input, 130 interrupted.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import click

__all__ = ["main"]

WRONG = 2
INTERRUPTED = 130

_COMMANDS = {
    "apply": "Check a saved plan of an environment, and apply that very plan.",
    "affected": "Name the environments whose plan a change can change.",
    "check": "Plan each environment offline and judge the plan.",
    "diff": "Show how two environments differ.",
    "explain": "Tell why a code or an input is held to what it is.",
    "graph": "Draw the modules, the network or the flows of a stack.",
    "new": "Begin a module or an environment.",
    "outdated": "List pins that newer releases have followed.",
    "plan": "Plan an environment on its real account, and sum the plan up.",
    "prove": "Put each failure back and see it caught.",
    "release": "Make what a module's templates render its next version.",
    "render": "Write modules and stacks from the YAML files.",
    "rules": "List what an environment file is held to.",
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
        command = getattr(import_module(f"generator.commands.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what goes wrong with input or files is told and exits with 2."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted: nothing is left running", err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            from generator.errors import FinbaseError

            if isinstance(error, OSError) and error.filename:
                click.echo(f"{error.filename}: {error.strerror}", err=True)
            elif isinstance(error, FinbaseError):
                click.echo(str(error), err=True)
            else:
                raise
            ctx.exit(WRONG)


@click.group(
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

    Begin with `finbase render`, then `finbase check`.
    """
    ctx.obj = project
