"""``finbase affected``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._project import answer, pass_root
from finbase.commands._rendered import load_rendered, note_difference
from finbase.console.options import json_option


@click.command()
@click.option(
    "--since", metavar="REV", required=True, help="Compare with this branch, tag or commit."
)
@click.option(
    "--until", metavar="REV", help="Compare up to this commit instead of the files on disk."
)
@json_option("the list")
@pass_root
def affected(root: Path, since: str, until: str | None, json_file: BinaryIO | None) -> None:
    """List the environments whose plan can change between a commit and now.

    An environment is affected if it was added or removed, or if its rendered stack or a module
    version that it calls differs in a file that Terraform reads. Rendered files are compared, so
    render first. FILE can be `-` for standard output; the text then goes to standard error.

    \b
    Examples:
      finbase affected --since origin/main
      finbase affected --since v1 --until v2
      finbase affected --since origin/main --json -
    """
    from finbase.ci.affected import affected as compare
    from finbase.ci.affected import is_read
    from finbase.project.git import Repository
    from finbase.report.affected import AffectedReport

    repository = Repository(root)
    first = repository.commit(since)
    last = None if until is None else repository.commit(until)
    standing = None if last else load_rendered(root, ())
    if standing and not standing.clean:
        note_difference(standing, "compared")
    after = repository.now(is_read) if last is None else repository.at(last, is_read)
    changes = tuple(compare(repository.at(first, is_read), after))
    answer(AffectedReport(changes, first, last), json_file)
