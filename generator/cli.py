"""The command line: parses, calls one core function, prints. Nothing else prints.

Exit codes: 0 fine, 1 found something, 2 wrong usage or input, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from generator.model import Environment
    from generator.tree import Changes
    from generator.verdict import Verdict

__all__ = ["main"]

FOUND = 1
WRONG = 2
INTERRUPTED = 130

_PENDING = (
    "note: a render is writing here at this moment, or one was interrupted; "
    "if so, the next `finbase render` undoes what that one began"
)


_jobs = click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    default=lambda: min(4, os.cpu_count() or 1),
    show_default="one for each processor, at most 4",
    help="Plans at a time.",
)


class Finbase(click.Group):
    """The group of all commands; turns every known error into a message and an exit code."""

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


@main.command(short_help="Write modules and stacks from the YAML files.")
@click.argument("environments", metavar="[ENV]...", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; print the difference and exit 1.")
@click.option(
    "--force", is_flag=True, help="Write over and delete files there that finbase did not render."
)
@click.pass_obj
def render(project: Path | None, environments: tuple[str, ...], check: bool, force: bool) -> None:
    """Write modules/ and environments/ENV/ from templates/ and environments/ENV.yaml.

    Without ENV all environments are rendered, and a stack whose YAML file is gone is removed.
    Only what differs is written: all of it, or nothing where anything fails.

    \b
    Examples:
      finbase render
      finbase render production
      finbase render --check
    """
    from generator import journal, tree
    from generator.project import find_project
    from generator.report import changes as words

    root = find_project(project)
    if check:
        loaded, changes = _rendered(root, environments)
        if journal.is_pending(root):
            click.echo(_PENDING, err=True)
        if changes.clean:
            click.echo(words.summary(loaded, changes, "all as rendered"))
            return
        click.echo(tree.diff(changes), nl=False)
        outcome = "not as rendered: run `finbase render`"
        click.echo(words.summary(loaded, changes, outcome), err=True)
        sys.exit(FOUND)
    with journal.hold(root, _wait) as held:
        if held.undone:
            click.echo(f"note: {words.undone(held.undone)}", err=True)
        loaded, changes = _rendered(root, environments)
        tree.write(changes, held, force=force)
    for stack, kept in changes.abandoned.items():
        click.echo(f"note: {words.abandoned(stack, kept)}", err=True)
    for folder, counts in words.by_folder(changes).items():
        click.echo(f"  {folder}: {counts}")
    outcome = "nothing to do" if changes.clean else "written"
    click.echo(words.summary(loaded, changes, outcome))


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
@_jobs
@click.pass_obj
def check(
    project: Path | None,
    environments: tuple[str, ...],
    plan_file: Path | None,
    json_file: BinaryIO | None,
    junit_file: BinaryIO | None,
    jobs: int,
) -> None:
    """Plan each environment, with no AWS account and no network, and judge the plan.

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
        verdicts = _judge_environments(project, environments, jobs)
    stream, colour = _stream(json_file, junit_file)
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


@main.command(short_help="Put each failure back and see it caught.")
@click.argument("names", metavar="[ID]...", nargs=-1)
@click.option(
    "--json", "json_file", metavar="FILE", type=click.File("wb"), help="Write the matrix as JSON."
)
@_jobs
@click.pass_obj
def prove(
    project: Path | None, names: tuple[str, ...], json_file: BinaryIO | None, jobs: int
) -> None:
    """Put each failure back, one at a time, and see it caught by its own scenarios.

    ID is a failure (F04a) or a mutation of features/mutations.yaml; without one all are put
    back, into a scratch copy of the rendered tree. Exits 1 where a mutation is missed, or falls
    to an id that has nothing to do with it.

    \b
    Examples:
      finbase prove
      finbase prove F01 F10
      finbase prove nat-gateway-single --json matrix.json
    """
    from generator.project import find_project
    from generator.prove import prove as run
    from generator.prove import select
    from generator.report import matrix
    from generator.report.progress import Progress

    root = find_project(project)
    try:
        mutations = select(root, names)
    except KeyError as error:
        raise click.UsageError(
            f"no failure and no mutation is called {', '.join(error.args)}; "
            "features/failures.yaml and features/mutations.yaml list them"
        ) from None
    stream, colour = _stream(json_file)
    progress = Progress(len(mutations), terminal=sys.stderr.isatty())
    outcomes = run(
        root,
        mutations,
        jobs=jobs,
        progress=lambda outcome: click.echo(
            progress.step(matrix.line(outcome)), nl=not progress.terminal, err=True
        ),
    )
    click.echo(progress.end(), nl=False, err=True)
    click.echo(matrix.matrix(outcomes, colour), file=stream, color=colour)
    if json_file:
        json_file.write(matrix.render_json(outcomes).encode())
    if not all(outcome.proved for outcome in outcomes):
        sys.exit(FOUND)


@main.command("rules", short_help="List what an environment file is held to.")
@click.pass_obj
def list_rules(project: Path | None) -> None:
    """List every rule, bound and note with its code, and what it is about."""
    from generator.contract import Catalogue
    from generator.project import find_project
    from generator.report import rules_text

    click.echo(rules_text.listing(Catalogue(find_project(project)), _width()))


@main.command(short_help="Tell why a code or an input is held to what it is.")
@click.argument("code", metavar="CODE|INPUT")
@click.pass_obj
def explain(project: Path | None, code: str) -> None:
    """Tell what a code or an input demands, why, where that can be read, and an example.

    \b
    Examples:
      finbase explain FB207
      finbase explain database.port
    """
    from generator.contract import Catalogue
    from generator.project import find_project
    from generator.report import rules_text

    click.echo(rules_text.explain(code, Catalogue(find_project(project)), _width()))


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
    from generator.journal import is_pending
    from generator.project import find_project

    root = find_project(project)
    loaded, changes = _rendered(root, names)
    if is_pending(root):
        click.echo(_PENDING, err=True)
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


def _rendered(root: Path, names: Sequence[str]) -> tuple[tuple[Environment, ...], Changes]:
    """Load and render in memory, and compare with what lies in the project; notes are told."""
    from generator import tree
    from generator.contract import Catalogue
    from generator.project import load_environments
    from generator.render import render_project

    catalogue = Catalogue(root)
    loaded = load_environments(root, catalogue, names)
    for note in (note for environment in loaded for note in environment.notes):
        click.echo(str(note), err=True)
    rendered = render_project(loaded, catalogue, root)
    return loaded, tree.compare(rendered, root, whole=not names)


def _stream(*files: BinaryIO | None) -> tuple[TextIO, bool]:
    """Where people read on, which is stderr where a file goes to stdout; and whether in colour."""
    piped = any(file is not None and file.name == "<stdout>" for file in files)
    stream = sys.stderr if piped else sys.stdout
    return stream, stream.isatty() and "NO_COLOR" not in os.environ


def _wait(seconds: float) -> None:
    click.echo(f"another render is at work here; waiting for it, at most {seconds:g} s …", err=True)


def _width() -> int:
    import shutil

    return min(shutil.get_terminal_size((120, 24)).columns, 140)
