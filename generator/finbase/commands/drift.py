"""``finbase drift``."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finbase.commands._on_account import plan_on_account
from finbase.commands._project import pass_root, write_json
from finbase.commands._rendered import rendered_stack, require_released_controls
from finbase.commands._shown import Shown
from finbase.commands._verdict_files import VerdictFiles, verdict_file_options
from finbase.console.options import (
    FOUND,
    environment_argument,
    output_option,
    own_catalogue_option,
    plan_option,
)
from finbase.console.speech import FAIL, Looks, echo, progress, terminal_width

if TYPE_CHECKING:
    from finbase.judge.drift import Drift

_LOOKS: Looks = {r"^FAIL\b": FAIL, r"^  [~+!-].*": {"fg": "yellow"}}


@click.command()
@environment_argument
@plan_option(
    "Read this plan (from `terraform show -json`) instead of planning on the account. It must call "
    "the module versions that the environment pins."
)
@verdict_file_options
@output_option("html", "Write a report on the running stack with evidence, sources and pictures.")
@own_catalogue_option
@pass_root
def drift(
    root: Path,
    environment: str,
    plan_file: Path | None,
    files: VerdictFiles,
    own_catalogue: bool,
) -> None:
    """Compare ENV as it runs on its account with what is rendered, and check both.

    Terraform reads the account with the credentials of this shell; nothing is changed. Every
    control judges the running stack, and the stack as the next apply would make it. Tags are left
    out. Exits with 1 if a control fails, if the next apply would change anything, or if somebody
    changed or added something that it would leave. JUnit, SARIF and HTML describe the running
    stack, and list each difference under a control `drift`. FILE can be `-` for standard output;
    the text then goes to standard error.

    \b
    Examples:
      finbase drift production
      finbase drift production --json drift.json --junit drift.xml
    """
    from finbase.judge import drift as judging
    from finbase.report.drift import DriftReport

    stack, standing = rendered_stack(root, environment)
    require_released_controls(root, own=own_catalogue)
    with tempfile.TemporaryDirectory(prefix="finbase-") as scratch:
        saved = Path(scratch, "drift.tfplan")
        plan = plan_file or plan_on_account(stack, Path(scratch), saved)
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
    write_json(report, files.json_file)
    _write_verdict(root, files, found)
    if not found.clean:
        sys.exit(FOUND)


def _write_verdict(root: Path, files: VerdictFiles, found: Drift) -> None:
    """Write the verdict on the running stack; its name differs from that of ``finbase check``."""
    verdict = found.running_with_drift()
    running = dataclasses.replace(verdict, environment=f"{found.environment} (running)")
    files.write_findings(root, {found.environment: running})
    if files.html_file:
        from finbase.commands._evidence import Evidence

        page = Evidence.start(root, files.html_file, Shown(), supplied=True)
        page.keep(found.environment, found.running_plan)
        page.write([verdict])
