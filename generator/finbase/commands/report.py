"""``finbase report``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from finbase.commands._account import allow_not_shown_option, left_to_account
from finbase.commands._verdict_files import VerdictFiles, verdict_file_options
from finbase.console.options import FOUND, input_option, own_catalogue_option
from finbase.console.speech import echo, is_quiet, terminal_width


@click.group()
def report() -> None:
    """Work with verdicts that `finbase check --json` wrote.

    \b
    Examples:
      finbase report merge verdict-1.json verdict-2.json --junit verdict.xml
    """


@report.command()
@click.argument("parts", metavar="FILE...", nargs=-1, required=True, type=click.File("rb"))
@input_option(
    "matrix", "Require a verdict for each environment in this matrix (from `finbase matrix`)."
)
@click.option(
    "--all", "every", is_flag=True, help="Require a verdict for each environment of the project."
)
@allow_not_shown_option
@own_catalogue_option
@verdict_file_options
@click.pass_obj
def merge(
    project: Path | None,
    parts: tuple[BinaryIO, ...],
    matrix_file: BinaryIO | None,
    every: bool,
    allow_not_shown: bool,
    own_catalogue: bool,
    files: VerdictFiles,
) -> None:
    """Merge the verdicts of several jobs into one.

    Exits with 2 if files overlap, come from different versions of finbase or different catalogues,
    or lack a control of finbase, and if --matrix or --all requires an environment that no file has.
    Exits with 1 if a verdict contains a failure. A FILE to write can be `-` for standard output;
    the lines for people then go to standard error.

    \b
    Examples:
      finbase report merge verdict-*.json --matrix matrix.json --json verdict.json
      finbase report merge verdict-*.json --all --junit verdict.xml --sarif verdict.sarif
    """
    from finbase.ci.merge import merge as merge_parts
    from finbase.ci.shards import read_shards
    from finbase.environment.load import discover
    from finbase.judge.anchor import released_features
    from finbase.judge.catalogue import load_failures
    from finbase.project.find import find_project
    from finbase.report import terminal, verdict_json
    from finbase.report.columns import counted

    if matrix_file and every:
        raise click.UsageError("--matrix and --all are mutually exclusive")
    # The verdicts of jobs can be merged outside of a project.
    needs_project = every or allow_not_shown or files.sarif_file
    root = find_project(project) if needs_project else Path()
    required = None
    if matrix_file:
        required = read_shards(matrix_file.read(), matrix_file.name)
    elif every:
        required = tuple(path.stem for path in discover(root))
    verdicts = merge_parts(
        [verdict_json.read_part(part.read(), part.name) for part in parts],
        required,
        () if own_catalogue else load_failures(released_features()),
    )
    stream, colour = files.output_stream()
    unpassed = [verdict for verdict in verdicts if not verdict.passed]
    for verdict in unpassed:
        text = terminal.text(verdict, colour=colour, width=terminal_width())
        echo(f"{text}\n", file=stream, color=colour)
    left = left_to_account(root, unpassed, stream, allowed=allow_not_shown)
    failed = [verdict.environment for verdict in unpassed if verdict.environment not in left]
    if unpassed or not is_quiet():
        passed = len(verdicts) - len(unpassed)
        summary = f"{passed} of {counted(len(verdicts), 'environment')} pass"
        if left:
            summary += f"; not shown without the account: {', '.join(left)}"
        if failed:
            summary += f"; failing: {', '.join(failed)}"
        echo(summary, file=stream)
    files.write(root, verdicts)
    if failed:
        sys.exit(FOUND)
