"""The command line: parses, calls one core function, prints. Nothing else prints.

Exit codes: 0 fine, 1 found something, 2 wrong usage or input, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence, Sized

    from generator.model import Environment
    from generator.tree import Changes
    from generator.verdict import Verdict

__all__ = ["main"]

FOUND = 1
WRONG = 2
INTERRUPTED = 130


class Finbase(click.Group):
    """The group of all commands; turns every known error into a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a ``FinbaseError`` is told on stderr and exits with 2."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted: nothing is left running", err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            from generator.errors import FinbaseError

            if not isinstance(error, FinbaseError):
                raise
            click.echo(str(error), err=True)
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


@main.command(short_help="Write modules and stacks from the YAML files.")
@click.argument("environments", metavar="[ENV]...", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; print the difference and exit 1.")
@click.pass_obj
def render(project: Path | None, environments: tuple[str, ...], check: bool) -> None:
    r"""Write modules/ and environments/ENV/ from templates/ and environments/ENV.yaml.

    Without ENV all environments are rendered. Only what differs is written.

    \b
    Examples:
      finbase render
      finbase render production
      finbase render --check
    """
    from generator import tree

    root, loaded, changes = _rendered(project, environments)
    if check:
        if changes.clean:
            click.echo(_summary(loaded, changes, "all as rendered"))
            return
        click.echo(tree.diff(changes), nl=False)
        click.echo(_summary(loaded, changes, "not as rendered: run `finbase render`"), err=True)
        sys.exit(FOUND)
    tree.write(changes, root)
    for folder, counts in _by_folder(changes).items():
        click.echo(f"  {folder}: {counts}")
    click.echo(_summary(loaded, changes, "nothing to do" if changes.clean else "written"))


@main.command(short_help="Plan each environment offline and judge the plan.")
@click.argument("environments", metavar="[ENV]...", nargs=-1)
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Judge this plan (from `terraform show -json`) instead of making one.",
)
@click.option(
    "--json", "json_file", metavar="FILE", type=click.File("wb"), help="Write the verdict as JSON."
)
@click.option(
    "--junit",
    "junit_file",
    metavar="FILE",
    type=click.File("wb"),
    help="Write the verdict as JUnit XML.",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    default=None,
    help="Environments at a time; default: one for each processor, at most 4.",
)
@click.pass_obj
def check(
    project: Path | None,
    environments: tuple[str, ...],
    plan_file: Path | None,
    json_file: BinaryIO | None,
    junit_file: BinaryIO | None,
    jobs: int | None,
) -> None:
    r"""Plan each environment, with no AWS account and no network, and judge the plan.

    Exits 0 where no failure of the catalogue is in it, and 1 where one is. A FILE may be `-`
    for standard output; the table then goes to standard error.

    \b
    Examples:
      finbase check
      finbase check production --junit report.xml
      finbase check --plan plan.json
    """
    from generator.report import junit, terminal, verdict_json

    if plan_file:
        verdicts = _judge_plan(project, plan_file, environments)
    else:
        verdicts = _judge_environments(project, environments, jobs or min(4, os.cpu_count() or 1))
    piped = any(file is not None and file.name == "<stdout>" for file in (json_file, junit_file))
    stream = sys.stderr if piped else sys.stdout
    colour = stream.isatty() and "NO_COLOR" not in os.environ
    done: list[Verdict] = []
    for verdict in verdicts:
        if done:
            click.echo(file=stream)
        click.echo(terminal.table(verdict, colour, _width()), file=stream, color=colour)
        done.append(verdict)
    if json_file:
        json_file.write(verdict_json.render(done).encode())
    if junit_file:
        junit_file.write(junit.render(done))
    if not all(verdict.passed for verdict in done):
        sys.exit(FOUND)


def _judge_plan(
    project: Path | None, plan_file: Path, environments: Sequence[str]
) -> Iterable[Verdict]:
    from generator import compliance
    from generator.project import find_project

    if len(environments) > 1:
        raise click.UsageError("--plan judges one plan, so it takes one environment at most")
    name = environments[0] if environments else plan_file.name
    yield compliance.run(plan_file, find_project(project) / "features", environment=name)


def _judge_environments(project: Path | None, names: Sequence[str], jobs: int) -> Iterable[Verdict]:
    from generator.check import check as judge

    root, loaded, changes = _rendered(project, names)
    if not changes.clean:
        click.echo(
            "note: modules/ or environments/ differ from what the YAML and the templates render "
            "(see `finbase render --check`); what is planned is what lies there",
            err=True,
        )

    def progress(name: str, step: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"{name}: {step} …", err=True)

    return judge(root, [each.name for each in loaded], jobs=jobs, progress=progress)


def _rendered(
    project: Path | None, names: Sequence[str]
) -> tuple[Path, tuple[Environment, ...], Changes]:
    """Load and render in memory, and compare with what lies in the project."""
    from generator import tree
    from generator.contract import Catalogue
    from generator.project import find_project, load_environments
    from generator.render import render_project

    root = find_project(project)
    catalogue = Catalogue(root)
    loaded = load_environments(root, catalogue, names)
    return root, loaded, tree.compare(render_project(loaded, catalogue, root), root)


def _by_folder(changes: Changes) -> dict[str, str]:
    """What happens in each module version and each stack, in words."""
    counted: dict[str, dict[str, int]] = {}
    for kind, paths in (
        ("new", changes.created),
        ("changed", changes.changed),
        ("removed", changes.removed),
    ):
        for path in paths:
            folder = "/".join(path.parts[: 3 if path.parts[0] == "modules" else 2])
            counts = counted.setdefault(folder, {})
            counts[kind] = counts.get(kind, 0) + 1
    return {
        folder: ", ".join(f"{count} {kind}" for kind, count in counts.items())
        for folder, counts in sorted(counted.items())
    }


def _summary(environments: Sequence[Environment], changes: Changes, outcome: str) -> str:
    modules = {(use.name, use.version) for each in environments for use in each.modules}
    return (
        f"{_count(environments, 'environment')}, {_count(modules, 'module')}: "
        f"{len(changes.created)} files new, {len(changes.changed)} changed, "
        f"{len(changes.removed)} removed, {len(changes.unchanged)} unchanged; {outcome}"
    )


def _count(things: Sized, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def _width() -> int:
    import shutil

    return min(shutil.get_terminal_size((120, 24)).columns, 140)
