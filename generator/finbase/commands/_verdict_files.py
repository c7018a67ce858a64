"""The files that verdicts are written to, as options of ``check`` and ``report merge``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from finbase.commands._project import gather
from finbase.console.options import json_option, output_option, refuse_same
from finbase.console.speech import output_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from finbase.judge.verdict import Verdict


@dataclass(frozen=True)
class VerdictFiles:
    """The requested files; None for each that is not."""

    json_file: BinaryIO | None
    junit_file: BinaryIO | None
    sarif_file: BinaryIO | None
    html_file: BinaryIO | None = None

    def __post_init__(self) -> None:
        refuse_same(*vars(self).values())

    def output_stream(self) -> tuple[TextIO, bool]:
        """Return the stream for people, and whether it takes colour."""
        return output_stream(*vars(self).values())

    def watch(self, root: Path, verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
        """Yield the verdicts; write the SARIF file if the input is refused before there is one."""
        from finbase.errors import InputError

        try:
            yield from verdicts
        except InputError as error:
            if self.sarif_file:
                from finbase.project.git import folder_in_repository
                from finbase.report import sarif

                folder = folder_in_repository(root)
                self.sarif_file.write(sarif.render_refused(error.diagnostics, folder))
            raise

    def write(self, root: Path, verdicts: Sequence[Verdict]) -> None:
        """Write each requested file, except the HTML report, which needs the plans."""
        from finbase.report import verdict_json

        if self.json_file:
            self.json_file.write(verdict_json.render(verdicts))
        self.write_findings(root, {verdict.environment: verdict for verdict in verdicts})

    def write_findings(self, root: Path, verdicts: Mapping[str, Verdict]) -> None:
        """Write the JUnit and the SARIF file; the keys are names of environments."""
        from finbase.report import junit, sarif

        if self.junit_file:
            self.junit_file.write(junit.render([*verdicts.values()]))
        if self.sarif_file:
            from finbase.commands._evidence import read_sources
            from finbase.project.git import folder_in_repository
            from finbase.report.forge import hosted_files

            known = read_sources(root, verdicts)
            sources = {v.environment: known[name] for name, v in verdicts.items() if name in known}
            url, folder = hosted_files(os.environ), folder_in_repository(root)
            self.sarif_file.write(sarif.render([*verdicts.values()], sources, url, folder))


def verdict_file_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options for verdict files, which the command receives as ``files``."""
    function = gather("files", VerdictFiles)(function)
    for option in (
        output_option("sarif", "Write the findings as SARIF, for code scanning."),
        output_option("junit", "Write the verdict as JUnit XML."),
        json_option("the verdict"),
    ):
        function = option(function)
    return function
