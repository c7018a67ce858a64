"""``finbase check``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from finbase.commands._rendered import PENDING, load_rendered, note_difference, tell_breaches
from finbase.console import completion as names
from finbase.console.options import FOUND, OutputFile, jobs_option, json_option, refuse_same
from finbase.console.speech import (
    echo,
    is_quiet,
    is_verbose,
    note,
    output_stream,
    progress,
    terminal_width,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from finbase.judge.check import Judge, StackJudge
    from finbase.judge.verdict import Verdict

__all__ = ["check"]


@click.command()
@click.argument("environments", metavar="[ENV]...", nargs=-1, shell_complete=names.environments)
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Judge this plan (from `terraform show -json`) instead of making one.",
)
@json_option("the verdict")
@click.option(
    "--junit",
    "junit_file",
    metavar="FILE",
    type=OutputFile(),
    help="Write the verdict as JUnit XML.",
)
@click.option(
    "--sarif",
    "sarif_file",
    metavar="FILE",
    type=OutputFile(),
    help="Write what is wrong as SARIF, for code scanning.",
)
@click.option(
    "--html",
    "html_file",
    metavar="FILE",
    type=OutputFile(),
    help="Write a report for people: evidence, sources, PCI DSS, pictures; one file.",
)
@click.option(
    "--proof",
    "proof_file",
    metavar="FILE",
    type=click.File("rb"),
    help="Show this proof matrix (from `finbase prove --json`) in the report.",
)
@jobs_option
@click.option(
    "--cache/--no-cache",
    default=lambda: not os.environ.get("CI"),
    envvar="FINBASE_CACHE",
    show_default="--cache, and --no-cache where CI is set",
    help="Take a verdict that is known from an earlier run on the very same.",
)
@click.pass_obj
def check(
    project: Path | None,
    environments: tuple[str, ...],
    plan_file: Path | None,
    json_file: BinaryIO | None,
    junit_file: BinaryIO | None,
    sarif_file: BinaryIO | None,
    html_file: BinaryIO | None,
    proof_file: BinaryIO | None,
    jobs: int,
    cache: bool,
) -> None:
    """Plan each environment, with no AWS account and no network, and judge the plan.

    Exits 0 where no failure of the catalogue is in it, and 1 where one is, or where a release
    is not what was released. A FILE may be `-` for standard output; the table then goes to
    standard error.

    \b
    Examples:
      finbase check
      finbase check production --junit report.xml
      finbase check --plan plan.json
      finbase check --html report.html --proof matrix.json
    """
    from finbase.report import junit, terminal, verdict_json

    if proof_file and not html_file:
        raise click.UsageError("--proof is shown in a report, so it needs --html")
    refuse_same(json_file, junit_file, sarif_file, html_file)
    report = None
    if html_file:
        from finbase.commands._evidence import Evidence

        report = Evidence.begin(project, html_file, proof_file, given=plan_file is not None)
    keep = report.keep if report else _forget
    if plan_file:
        verdicts = _judge_plan(project, plan_file, environments, keep)
    else:
        verdicts = _judge_environments(project, environments, jobs, keep, cache=cache)
    stream, colour = output_stream(json_file, junit_file, sarif_file, html_file)
    done: list[Verdict] = []
    told = 0
    for verdict in _told(verdicts, sarif_file):
        done.append(verdict)
        if verdict.passed and is_quiet():
            continue
        told += 1
        text = terminal.text(
            verdict,
            colour=colour,
            width=terminal_width(),
            verbose=is_verbose(),
            places={} if plan_file else _places(project, verdict),
        )
        echo(text if told == 1 else f"\n{text}", file=stream, color=colour)
    if json_file:
        json_file.write(verdict_json.render(done))
    if junit_file:
        junit_file.write(junit.render(done))
    if sarif_file:
        from finbase.commands._evidence import read_sources
        from finbase.project.find import find_project
        from finbase.report import sarif

        sources = read_sources(find_project(project), [verdict.environment for verdict in done])
        sarif_file.write(sarif.render(done, sources, sarif.hosted_files(os.environ)))
    if report:
        report.write(done)
    if not all(verdict.passed for verdict in done):
        sys.exit(FOUND)


def _told(verdicts: Iterable[Verdict], sarif_file: BinaryIO | None) -> Iterable[Verdict]:
    """Give the verdicts; input that is refused before there is one is told as SARIF, too."""
    from finbase.errors import InputError

    try:
        yield from verdicts
    except InputError as error:
        if sarif_file:
            from finbase.report import sarif

            sarif_file.write(sarif.render_refused(error.diagnostics))
        raise


def _places(project: Path | None, verdict: Verdict) -> dict[str, list[str]]:
    """Map the id of each failing control to the lines of HCL and YAML behind its evidence."""
    if verdict.passed:
        return {}
    from finbase.commands._evidence import read_sources
    from finbase.project.find import find_project

    name = verdict.environment
    sources = read_sources(find_project(project), [name])[name]
    return {
        row.id: [
            f"{excerpt.place.path}:{excerpt.line}"
            for excerpts in sources.behind(
                [s.evidence for s in row.scenarios if s.status == "failed"]
            )
            for excerpt in excerpts
        ]
        for row in verdict.by_failure()
        if row.status == "failed"
    }


def _forget(name: str, plan: bytes) -> None:
    """Keep nothing of a plan: only a report needs it once it is judged."""


def _judge_plan(
    project: Path | None,
    plan_file: Path,
    environments: Sequence[str],
    planned: Callable[[str, bytes], None],
) -> Iterable[Verdict]:
    from finbase.judge import compliance
    from finbase.project.find import find_project

    if len(environments) > 1:
        raise click.UsageError("--plan judges one plan, so it takes one environment at most")
    name = environments[0] if environments else plan_file.name
    plan = compliance.read_on_one_line(plan_file)  # Once: it may be a pipe.
    planned(name, plan)
    yield compliance.run(plan, find_project(project) / "features", environment=name)


def _judge_environments(
    project: Path | None,
    environments: Sequence[str],
    jobs: int,
    planned: Callable[[str, bytes], None],
    *,
    cache: bool,
) -> Iterable[Verdict]:
    from finbase.judge.check import check as judge
    from finbase.project.find import find_project
    from finbase.project.journal import is_pending

    root = find_project(project)
    found = load_rendered(root, environments)
    if is_pending(root):
        note(PENDING)
    if found.breaches:
        tell_breaches(found.breaches, diffs=True)
        sys.exit(FOUND)
    if not found.changes.clean:
        note_difference("planned")

    through = _open_cache() if cache else None
    loaded = [each.name for each in found.environments]
    with progress(len(loaded)) as watch:
        yield from judge(root, loaded, jobs=jobs, progress=watch, planned=planned, through=through)


def _open_cache() -> Callable[[StackJudge], Judge] | None:
    """Return what puts the verdict cache before a judge, or None without a usable folder."""
    from finbase.judge.cache.judge import CachedJudge
    from finbase.judge.cache.store import CacheUnavailableError, VerdictCache

    try:
        cache = VerdictCache.open()
    except CacheUnavailableError as error:
        note(f"note: verdicts are not cached: {error}")
        return None
    return lambda judge: CachedJudge(judge, cache, lambda what: note(f"note: {what}"))
