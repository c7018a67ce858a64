"""``finbase check``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finbase.commands._account import allow_not_shown_option, left_to_account
from finbase.commands._judging import judge
from finbase.commands._project import gather, pass_root
from finbase.commands._rendered import require_released_controls
from finbase.commands._shown import Shown, framework_option
from finbase.commands._verdict_files import VerdictFiles, verdict_file_options
from finbase.console.options import (
    FOUND,
    cache_option,
    environments_argument,
    input_option,
    jobs_option,
    output_option,
    own_catalogue_option,
    plan_option,
)
from finbase.console.speech import echo, is_quiet, is_verbose, terminal_width

if TYPE_CHECKING:
    from finbase.judge.verdict import Verdict


@click.command()
@environments_argument
@plan_option("Check this plan (from `terraform show -json`) instead of making one.")
@verdict_file_options
@output_option(
    "html",
    "Write a report with evidence, sources, pictures, and the requirements that it supports.",
)
@input_option(
    "proof", "Include this proof matrix (from `finbase prove --json`) in the HTML report."
)
@input_option(
    "previous",
    "Show in the HTML report what changed since this verdict (from `finbase check --json`).",
)
@framework_option(
    "Show the requirements of this standard or law in the HTML report: the name of a file in "
    "features/frameworks, such as pci-dss (the default). Can be repeated."
)
@jobs_option
@cache_option
@allow_not_shown_option
@own_catalogue_option
@gather("shown", Shown)
@pass_root
def check(
    root: Path,
    environments: tuple[str, ...],
    plan_file: Path | None,
    files: VerdictFiles,
    shown: Shown,
    jobs: int,
    cache: bool,
    allow_not_shown: bool,
    own_catalogue: bool,
) -> None:
    """Plan each environment offline, without an AWS account, and check the plan.

    Exits with 1 if a plan contains a failure of the catalogue, if a release differs from what was
    released, or if the project changed or removed a control of finbase; added controls are judged
    beside those of finbase. FILE can be `-` for standard output; the table then goes to standard
    error.

    \b
    Examples:
      finbase check
      finbase check production --junit report.xml
      finbase check --plan plan.json
      finbase check --allow-not-shown
      finbase check --html report.html --proof matrix.json
      finbase check --html report.html --framework pci-dss --framework dora
      finbase check --html report.html --json verdict.json --previous verdict-1.json
    """
    from finbase.report import terminal
    from finbase.system.progress import ignore

    for option in shown.named():
        if not files.html_file:
            raise click.UsageError(f"{option} requires --html")
    if allow_not_shown and plan_file:
        raise click.UsageError("--plan and --allow-not-shown are mutually exclusive")
    require_released_controls(root, own=own_catalogue)
    report = None
    if files.html_file:
        from finbase.commands._evidence import Evidence

        report = Evidence.start(root, files.html_file, shown, supplied=plan_file is not None)
    remarks: list[str] = []
    planned = report.keep if report else ignore
    verdicts = judge(root, plan_file, environments, planned, remarks, jobs=jobs, cache=cache)
    stream, colour = files.output_stream()
    done: list[Verdict] = []
    separator = ""
    for verdict in files.watch(root, verdicts):
        done.append(verdict)
        if not (verdict.passed and is_quiet()):
            text = terminal.text(
                verdict,
                colour=colour,
                width=terminal_width(),
                verbose=is_verbose(),
                places={} if plan_file else _places(root, verdict),
                remarks=remarks,
            )
            echo(f"{separator}{text}", file=stream, color=colour)
            separator = "\n"
    files.write(root, done)
    if report:
        report.write(done)
    left = left_to_account(root, done, stream, allowed=allow_not_shown)
    if not all(verdict.passed or verdict.environment in left for verdict in done):
        sys.exit(FOUND)


def _places(root: Path, verdict: Verdict) -> dict[str, list[str]]:
    """Map the id of each failing control to the lines of HCL and YAML behind its evidence."""
    if verdict.passed:
        return {}
    from finbase.commands._evidence import read_sources

    name = verdict.environment
    sources = read_sources(root, [name])[name]
    return {
        row.id: [
            f"{excerpt.place.path}:{excerpt.line}"
            for excerpts in sources.behind(
                [s.evidence for s in row.scenarios if s.status == "failed"]
            )
            for excerpt in excerpts
        ]
        for row in verdict.by_failure()
        if row.open
    }
