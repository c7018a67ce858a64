"""``finbase init``."""

from __future__ import annotations

from pathlib import Path

import click

from finbase.console.options import Choice
from finbase.console.speech import note, say


@click.command()
@click.option(
    "--pipeline",
    metavar="github|gitlab",
    type=Choice(["github", "gitlab"]),
    help="Also write a pipeline, as `finbase new pipeline` does.",
)
@click.pass_obj
def init(project: Path | None, pipeline: str | None) -> None:
    """Create a project in this folder: modules, controls, templates, and one environment.

    It needs no answers, and creates a folder that `--project` names. The project renders and passes
    its checks at once. `finbase.lock` lists what finbase brought; `finbase update` brings newer
    versions of it. Nothing is overwritten; lines are appended to a `.gitignore` that exists.

    \b
    Examples:
      finbase init
      finbase init --pipeline github
    """
    from finbase.commands._rendered import hold_journal
    from finbase.scaffold.new_pipeline import misplaced, new_pipeline
    from finbase.scaffold.new_project import (
        ENVIRONMENT,
        new_project,
        refuse_project,
        surrounding_project,
    )
    from finbase.scaffold.shipment import REQUIREMENTS, Shipment

    root = (project or Path.cwd()).resolve()
    refuse_project(root)
    root.mkdir(parents=True, exist_ok=True)
    with hold_journal(root) as journal:
        written = new_project(journal)
    for name in new_pipeline(root, pipeline) if pipeline else ():
        say(f"written: {name}")
    say(
        f"written: {len(written)} files, with the environment {ENVIRONMENT}. Next:\n"
        f"  edit environments/{ENVIRONMENT}.yaml: account, tags, state and ranges of addresses;\n"
        "  `finbase render` writes its Terraform, and `finbase check` checks it;\n"
        "  commit all files."
    )
    if where := misplaced(root, ["CODEOWNERS", "renovate.json"]):
        note(where)
    if outer := surrounding_project(root):
        note(f"{root} is inside of {outer}, which is a finbase project, too")
    if remark := Shipment().remark((root / REQUIREMENTS).read_text()):
        note(remark)
