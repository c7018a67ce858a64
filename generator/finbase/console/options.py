"""Options that several commands have, and the exit code of a finding."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from finbase.console import completion

if TYPE_CHECKING:
    from collections.abc import Callable


Command = TypeVar("Command", bound="Callable[..., object] | click.Command")


FOUND = 1
"""The exit code of a command that found something wrong."""

_BYTES_PER_PLAN = 1_000_000_000  # Terraform and its provider take up to 1 GB of memory.


def _default_jobs() -> int:
    """Return how many plans fit this machine: one per processor and GB of memory."""
    affinity = getattr(os, "sched_getaffinity", None)
    processors = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return processors
    return max(1, min(processors, memory // _BYTES_PER_PLAN))


class Choice(click.Choice[str]):
    """One of a few words; a mistyped one gets a suggestion."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse a word that is not among the choices."""
        if value in self.choices:
            return str(value)
        from finbase.source.scalars import with_closest

        hint = with_closest(value, self.choices, f"choose {' or '.join(self.choices)}")
        raise click.BadParameter(f"unknown word {value!r}; {hint}", ctx, param)

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002
        """Name the choices on one line."""
        return f"Choose {' or '.join(self.choices)}"


class Whole(click.IntRange):
    """A whole number between two limits."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse any other text."""
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if number < (self.min or 0):
            self.fail(f"{number} is too small; use {self.min or 0} or more", param, ctx)
        if self.max is not None and number > self.max:
            self.fail(f"{number} is too large; use {self.max} or less", param, ctx)
        return number


environment_argument = click.argument(
    "environment", metavar="ENV", shell_complete=completion.environments
)

environments_argument = click.argument(
    "environments", metavar="[ENV]...", nargs=-1, shell_complete=completion.environments
)

jobs_option = click.option(
    "--jobs",
    metavar="N",
    type=Whole(min=1),
    default=_default_jobs,
    show_default="one per processor, if each has 1 GB of memory",
    help="Make at most N plans at a time.",
)

own_catalogue_option = click.option(
    "--own-catalogue",
    is_flag=True,
    help="Judge by the project's features even if they differ from those of finbase.",
)

cache_option = click.option(
    "--cache/--no-cache",
    default=lambda: not os.environ.get("CI"),
    envvar="FINBASE_CACHE",
    show_default="--cache, or --no-cache if CI is set",
    help="Reuse the plan and the verdict of an earlier `finbase check` on identical inputs.",
)

accept_data_loss_option = click.option(
    "--accept-data-loss", is_flag=True, help="Continue even if data would be lost."
)


def _addresses(_ctx: click.Context, _parameter: click.Parameter, value: Any) -> frozenset[str]:
    from finbase.plan.summary import addresses

    return frozenset(address for text in value for address in addresses(text))


accept_loss_option = click.option(
    "--accept-loss",
    "accepted",
    metavar="ADDRESSES",
    multiple=True,
    callback=_addresses,
    help="Accept the loss of these resources only, by the addresses that the plan shows, with "
    "spaces between them. Repeatable; an address that the plan does not lose is refused.",
)


class OutputFile(click.File):
    """A file that is opened at the first write, but checked for write access at once."""

    def __init__(self) -> None:
        super().__init__("wb")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse a file that cannot be written."""
        if isinstance(value, str) and value != "-":
            path = Path(value)
            if not path.parent.is_dir():
                self.fail(f"folder {str(path.parent)!r} does not exist", param, ctx)
            if path.is_dir():
                self.fail(f"{value!r} is a folder", param, ctx)
            if not os.access(path if path.exists() else path.parent, os.W_OK):
                self.fail(f"{value!r} is not writable", param, ctx)
        file: Any = super().convert(value, param, ctx)
        if value == "-" and not hasattr(file, "name"):
            file.name = "<stdout>"  # Another program runs finbase in its process, and captures it.
        return file


def refuse_same(*files: BinaryIO | None) -> None:
    """Refuse to write two documents to one file, because the second would replace the first."""
    names = [file.name for file in files if file is not None]
    for name in names:
        if names.count(name) > 1:
            target = "standard output" if name == "<stdout>" else name
            raise click.UsageError(f"{target} can take only one document; choose different files")


def input_option(name: str, help_text: str) -> Callable[[Command], Command]:
    """Return an option for a file to read, which the command receives as ``NAME_file``."""
    return click.option(
        f"--{name}", f"{name}_file", metavar="FILE", type=click.File("rb"), help=help_text
    )


def plan_option(help_text: str) -> Callable[[Command], Command]:
    """Return the option ``--plan FILE``."""
    path = click.Path(path_type=Path, dir_okay=False, exists=True)
    return click.option("--plan", "plan_file", metavar="FILE", type=path, help=help_text)


def output_option(name: str, help_text: str) -> Callable[[Command], Command]:
    """Return an option for a file to write, which the command receives as ``NAME_file``."""
    return click.option(
        f"--{name}", f"{name}_file", metavar="FILE", type=OutputFile(), help=help_text
    )


def json_option(content: str) -> Callable[[Command], Command]:
    """Return the option ``--json FILE``; ``content`` is what the help says is written."""
    return output_option("json", f"Write {content} as JSON.")
