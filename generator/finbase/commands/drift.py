"""``finbase drift``."""

from __future__ import annotations

import dataclasses
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finbase.commands._project import write_json
from finbase.commands._rendered import rendered_stack, require_released_controls
from finbase.commands._verdict_files import VerdictFiles, verdict_file_options
from finbase.console import completion
from finbase.console.options import FOUND, html_option, own_catalogue_option, plan_option
from finbase.console.speech import FAIL, Looks, echo, progress, terminal_width

if TYPE_CHECKING:
    from finbase.judge.drift import Drift

_LOOKS: Looks = {r"^FAIL\b": FAIL, r"^  [~+-].*": {"fg": "yellow"}}


@click.command()
@click.argument("environment", metavar="ENV", shell_complete=completion.environments)
@plan_option(
    "Read this plan (from `terraform show -json`) instead of planning on the account. It must call "
    "the module versions that the environment pins."
)
@verdict_file_options
@html_option("a report on the running stack with evidence, sources and pictures")
@own_catalogue_option
@click.pass_obj
def drift(
    project: Path | None,
    environment: str,
    plan_file: Path | None,
    files: VerdictFiles,
    own_catalogue: bool,
) -> None:
    """Compare ENV as it runs on its account with what is rendered, and check both.

    Terraform reads the account with the credentials of this shell; nothing is changed. Every
    control judges the running stack, and the stack as the next apply would make it. Tags are left
    out. Exits with 1 if a control fails, or if the next apply would change anything. JUnit, SARIF
    and HTML describe the running stack. FILE can be `-` for standard output; the text then goes to
    standard error.

    \b
    Examples:
      finbase drift production
      finbase drift production --json drift.json --junit drift.xml
    """
    from finbase.judge import drift as judging
    from finbase.report.drift import DriftReport

    root, stack, standing = rendered_stack(project, environment)
    require_released_controls(root, own=own_catalogue)
    plan = plan_file or _plan(environment, stack)
    with progress() as watch:
        watch(environment, "features")
        found = judging.judge(
            plan,
            root / "features",
            environment=environment,
            stack=stack,
            pinned=standing.environments[0] if plan_file else None,
        )
    report = DriftReport(found, terminal_width())
    stream, colour = files.output_stream()
    echo(report.text(), file=stream, color=colour, looks=_LOOKS)
    write_json(report, files.json)
    _write_verdict(root, files, found)
    if not found.clean:
        sys.exit(FOUND)


def _plan(environment: str, stack: Path) -> bytes:
    """Return a plan of the stack on its account as JSON; nothing of it is kept."""
    from finbase.terraform import account
    from finbase.terraform.program import find_terraform

    terraform = find_terraform()
    with tempfile.TemporaryDirectory(prefix="finbase-") as scratch:
        data, saved = Path(scratch, "data"), Path(scratch, "drift.tfplan")
        with progress(lines=True) as watch:
            account.initialise(terraform, stack, data, progress=watch)
            account.make_plan(terraform, stack, data, saved, progress=watch)
        with progress() as watch:
            watch(environment, f"{terraform.command} show")
            return account.show(terraform, stack, data, saved)


def _write_verdict(root: Path, files: VerdictFiles, found: Drift) -> None:
    """Write the verdict on the running stack; its name differs from that of ``finbase check``."""
    from finbase.commands._evidence import Evidence, read_sources
    from finbase.project.git import folder_in_repository
    from finbase.report import junit, sarif
    from finbase.report.forge import hosted_files

    running = dataclasses.replace(found.running, environment=f"{found.environment} (running)")
    if files.junit:
        files.junit.write(junit.render([running]))
    if files.sarif:
        sources = {running.environment: read_sources(root, [found.environment])[found.environment]}
        url, folder = hosted_files(os.environ), folder_in_repository(root)
        files.sarif.write(sarif.render([running], sources, url, folder))
    if files.html:
        page = Evidence.start(root, files.html, supplied=True)
        page.keep(found.environment, found.running_plan)
        page.write([found.running])
