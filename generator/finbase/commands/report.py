"""``finbase report``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

import click

from finbase.console.options import FOUND, OutputFile, json_option, refuse_same
from finbase.console.speech import echo, is_quiet, output_stream, terminal_width

__all__ = ["report"]


@click.group()
def report() -> None:
    """Work on verdicts that `finbase check --json` wrote.

    \b
    Examples:
      finbase report merge verdict-1.json verdict-2.json --junit verdict.xml
    """


@report.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.File("rb"))
@click.option(
    "--matrix",
    "matrix_file",
    metavar="FILE",
    type=click.File("rb"),
    help="Demand a verdict on each environment of this matrix, from `finbase matrix`.",
)
@click.option(
    "--all", "every", is_flag=True, help="Demand a verdict on each environment of the project."
)
@json_option("the verdict")
@click.option(
    "--junit", "junit_file", metavar="FILE", type=OutputFile(), help="Write it as JUnit XML."
)
@click.option("--sarif", "sarif_file", metavar="FILE", type=OutputFile(), help="Write it as SARIF.")
@click.pass_obj
def merge(
    project: Path | None,
    files: tuple[BinaryIO, ...],
    matrix_file: BinaryIO | None,
    every: bool,
    json_file: BinaryIO | None,
    junit_file: BinaryIO | None,
    sarif_file: BinaryIO | None,
) -> None:
    """Join the verdicts of several jobs into one.

    Refused, with exit code 2, are files that overlap, that another version of finbase wrote or
    another catalogue is behind, and, with --matrix or --all, a run in which an environment is
    missing. Exits 1 where a failure of the catalogue is in any of them. A FILE to write may be
    `-` for standard output; the lines then go to standard error.

    \b
    Examples:
      finbase report merge verdict-*.json --matrix matrix.json --json verdict.json
      finbase report merge verdict-*.json --all --junit verdict.xml --sarif verdict.sarif
    """
    from finbase.ci.merge import merge as merge_parts
    from finbase.ci.shards import read_shards
    from finbase.environment.load import discover
    from finbase.project.find import find_project
    from finbase.report import junit, sarif, terminal, verdict_json

    if matrix_file and every:
        raise click.UsageError("--matrix and --all both say what is demanded: take one")
    refuse_same(json_file, junit_file, sarif_file)
    expected = None
    if matrix_file:
        expected = read_shards(matrix_file.read(), matrix_file.name)
    elif every:
        expected = tuple(path.stem for path in discover(find_project(project)))
    verdicts = merge_parts([verdict_json.read_part(f.read(), f.name) for f in files], expected)
    stream, colour = output_stream(json_file, junit_file, sarif_file)
    for verdict in verdicts:
        if not verdict.passed:
            text = terminal.text(verdict, colour=colour, width=terminal_width())
            echo(f"{text}\n", file=stream, color=colour)
    failed = [verdict.environment for verdict in verdicts if not verdict.passed]
    if failed or not is_quiet():
        passed = f"{len(verdicts) - len(failed)} of {len(verdicts)}"
        environments = f"{passed} environment{'' if len(verdicts) == 1 else 's'} pass"
        echo("; failing: ".join(filter(None, (environments, ", ".join(failed)))), file=stream)
    if json_file:
        json_file.write(verdict_json.render(verdicts))
    if junit_file:
        junit_file.write(junit.render(verdicts))
    if sarif_file:
        from finbase.commands._evidence import read_sources

        names = [verdict.environment for verdict in verdicts]
        sources = read_sources(find_project(project), names)
        sarif_file.write(sarif.render(verdicts, sources, sarif.hosted_files(os.environ)))
    if not all(verdict.passed for verdict in verdicts):
        sys.exit(FOUND)
