"""The files that verdicts are written to, as options of ``check`` and ``report merge``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import click

from finbase.console.options import OutputFile, json_option, refuse_same
from finbase.console.speech import output_stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finbase.judge.verdict import Verdict


@dataclass(frozen=True)
class VerdictFiles:
    """The requested files; None for each that is not."""

    json: BinaryIO | None
    junit: BinaryIO | None
    sarif: BinaryIO | None
    html: BinaryIO | None = None

    def output_stream(self) -> tuple[TextIO, bool]:
        """Return the stream for people, and whether it takes colour."""
        return output_stream(self.json, self.junit, self.sarif, self.html)

    def watch(self, project: Path | None, verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
        """Yield the verdicts; write the SARIF file if the input is refused before there is one."""
        from finbase.errors import InputError

        try:
            yield from verdicts
        except InputError as error:
            if self.sarif:
                from finbase.project.find import find_project
                from finbase.project.git import folder_in_repository
                from finbase.report import sarif

                folder = folder_in_repository(find_project(project))
                self.sarif.write(sarif.render_refused(error.diagnostics, folder))
            raise

    def write(self, project: Path | None, verdicts: Sequence[Verdict]) -> None:
        """Write each requested file, except the HTML report, which needs the plans."""
        from finbase.project.find import find_project
        from finbase.report import junit, sarif, verdict_json

        if self.json:
            self.json.write(verdict_json.render(verdicts))
        if self.junit:
            self.junit.write(junit.render(verdicts))
        if self.sarif:
            from finbase.commands._evidence import read_sources
            from finbase.project.git import folder_in_repository
            from finbase.report.forge import hosted_files

            root = find_project(project)
            sources = read_sources(root, [v.environment for v in verdicts])
            url, folder = hosted_files(os.environ), folder_in_repository(root)
            self.sarif.write(sarif.render(verdicts, sources, url, folder))


def verdict_file_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options for verdict files; the command receives them as ``files``."""

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
        help="Write the findings as SARIF, for code scanning.",
    )
    @wraps(function)
    def command(
        *args: Any,
        json_file: BinaryIO | None,
        junit_file: BinaryIO | None,
        sarif_file: BinaryIO | None,
        html_file: BinaryIO | None = None,
        **options: Any,
    ) -> None:
        refuse_same(json_file, junit_file, sarif_file, html_file)
        files = VerdictFiles(json_file, junit_file, sarif_file, html_file)
        function(*args, files=files, **options)

    return command
