"""``finbase affected``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._rendered import load_rendered, note_difference
from finbase.console.options import json_option
from finbase.console.speech import echo, output_stream

__all__ = ["affected"]


@click.command()
@click.option(
    "--since", metavar="REV", required=True, help="The commit before: a branch, a tag or an id."
)
@click.option("--until", metavar="REV", help="The commit after; default: the files as they are.")
@json_option("the list")
@click.pass_obj
def affected(
    project: Path | None, since: str, until: str | None, json_file: BinaryIO | None
) -> None:
    """Name the environments whose plan can change between a commit and now.

    These are the ones whose rendered stack differs, or a module version that it calls, before
    or after, in a file that Terraform reads; and those that came or went. The rendered files
    are compared, so render first. Exits 0 whatever is affected. FILE may be `-` for standard
    output; the text then goes to standard error.

    \b
    Examples:
      finbase affected --since origin/main
      finbase affected --since v1 --until v2
      finbase affected --since origin/main --json -
    """
    from finbase.ci import affected as core
    from finbase.project.find import find_project
    from finbase.project.git import Repository
    from finbase.report import documents
    from finbase.report.affected import AffectedReport

    root = find_project(project)
    repository = Repository(root)
    first = repository.commit(since)
    last = None if until is None else repository.commit(until)
    if last is None:
        rendered = load_rendered(root, ())
        if not rendered.clean:
            note_difference("compared")
    after = repository.now(core.is_read) if last is None else repository.at(last, core.is_read)
    found = tuple(core.affected(repository.at(first, core.is_read), after))
    report = AffectedReport(found, first, last)
    stream, _ = output_stream(json_file)
    echo(report.text(), file=stream)
    if json_file:
        json_file.write(documents.render(report))
