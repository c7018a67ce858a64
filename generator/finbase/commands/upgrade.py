"""``finbase upgrade``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._project import answer, load_environment, pass_root, refuse
from finbase.commands._rendered import hold_journal, refuse_planted
from finbase.console import completion
from finbase.console.options import accept_data_loss_option, environment_argument, json_option
from finbase.console.speech import FAIL, WARN, Looks, progress, say

_EFFECTS: Looks = {
    r"^DATA LOSS:": FAIL,
    r"^  -(?:/\+)? +\S.*": {"fg": "red"},
    r"^  \+ +\S.*": {"fg": "green"},
    r"^  [~>] +\S.*": {"fg": "yellow"},
    r"^.+ does not fit .*": WARN,
}


@click.command()
@environment_argument
@click.argument(
    "module", metavar="[MODULE[@VERSION]]", default="", shell_complete=completion.releases
)
@click.option("--write", is_flag=True, help="Write the new pins to the YAML file and render.")
@accept_data_loss_option
@json_option("the changes")
@pass_root
def upgrade(
    root: Path,
    environment: str,
    module: str,
    write: bool,
    accept_data_loss: bool,
    json_file: BinaryIO | None,
) -> None:
    """Show the changes that newer releases make to ENV, before anything is written.

    Without MODULE, every module moves to its newest release. Both stacks are planned offline and
    compared; the AWS account is not read. --write changes only the pins in the file, and renders.
    Exits with 1 if the file is invalid for the new versions, or if data would be lost and
    --accept-data-loss is not set. FILE can be `-` for standard output.

    \b
    Examples:
      finbase upgrade staging
      finbase upgrade production cache
      finbase upgrade production database@2.0.0 --write
    """
    from finbase.contract.registry import Registry
    from finbase.contract.version import Version
    from finbase.project import tree
    from finbase.report.upgrade import NoUpgradeReport, UpgradeReport
    from finbase.terraform.program import find_terraform
    from finbase.upgrade.pins import newer
    from finbase.upgrade.preview import preview, steps

    refuse_planted(root)
    name, _, requested = module.partition("@")
    try:
        version = Version.parse(requested) if "@" in module else None
    except ValueError as invalid:
        raise click.UsageError(str(invalid)) from None
    registry = Registry(root)
    loaded = load_environment(root, environment)
    pins = newer(loaded, registry, name, version)
    if not pins:
        answer(NoUpgradeReport(environment, name), json_file, show=say)
        return
    with progress() as watch:
        changes = preview(root, registry, loaded, pins, find_terraform(), watch)
    report = UpgradeReport(changes)
    stream = answer(report, json_file, looks=_EFFECTS, found=changes.after is None)
    if not write:
        say("nothing was written; use --write to write it", file=stream)
        return
    if changes.losses and not accept_data_loss:
        refuse(
            "data would be lost, so nothing was written\n"
            "    hint: if this is intended, add --accept-data-loss"
        )
    with hold_journal(root) as journal:
        tree.apply(steps(changes, registry, root), journal)
    say(
        f"written: {loaded.document.path} and its stack; next: `finbase check {environment}`",
        file=stream,
    )
