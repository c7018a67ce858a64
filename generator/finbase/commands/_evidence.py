"""Collect the data of the reports that link findings to files of the project."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from finbase.contract.registry import Registry
from finbase.environment.load import load_environments
from finbase.judge.catalogue import load_failures
from finbase.judge.frameworks import DEFAULT, FOLDER, Framework, load_frameworks
from finbase.plan.document import read_shape
from finbase.plan.graph import read_stack
from finbase.plan.picture import Picture, read_picture
from finbase.project.files import ProjectFiles
from finbase.project.find import find_project
from finbase.report.html import page
from finbase.report.html.findings import Subject
from finbase.report.html.links import Links
from finbase.report.html.proof import Mutation, read_proof
from finbase.report.sources import Sources
from finbase.system.clock import today

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from finbase.environment.model import Environment
    from finbase.judge.verdict import Verdict


@dataclass(frozen=True)
class Evidence:
    """The data of an HTML report; links are relative to the folder ``base``."""

    root: Path
    file: BinaryIO
    base: Path
    proof: tuple[Mutation, ...]
    supplied: bool
    frameworks: tuple[Framework, ...]
    plans: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def start(
        cls,
        project: Path | None,
        file: BinaryIO,
        proof: BinaryIO | None,
        *,
        supplied: bool,
        frameworks: Sequence[str] = (DEFAULT,),
    ) -> Evidence:
        """Start a report; ``supplied`` says that the user supplied the plan.

        ``frameworks`` are names of files in ``features/frameworks``; a project without this folder
        gets none. Raises ``FinbaseError`` if the proof matrix or a framework is invalid, before
        anything is planned.
        """
        root = find_project(project)
        base = root if file.name == "<stdout>" else Path(file.name).resolve().parent
        features = root / "features"
        known = (features / FOLDER).is_dir()
        return cls(
            root,
            file,
            base,
            _matrix(root, proof) if proof else (),
            supplied,
            load_frameworks(features, frameworks) if known else (),
        )

    def keep(self, name: str, plan: bytes) -> None:
        """Keep the plan of an environment for its pictures."""
        self.plans[name] = plan

    def write(self, verdicts: Sequence[Verdict]) -> None:
        """Write the report."""
        sources = read_sources(self.root, [verdict.environment for verdict in verdicts])
        subjects = [
            Subject(
                verdict,
                self._picture(verdict.environment),
                sources.get(verdict.environment),
                self.supplied,
            )
            for verdict in verdicts
        ]
        text = page.render(
            subjects,
            features=read_features(self.root, verdicts),
            links=Links(self.root.resolve(), self.base),
            day=today(),
            proof=self.proof,
            frameworks=self.frameworks,
        )
        self.file.write(text.encode())

    def _picture(self, name: str) -> Picture:
        plan = read_shape(self.plans[name], name)
        return read_picture(plan, read_stack(plan, self.root / "features"))


def read_sources(root: Path, names: Iterable[str]) -> dict[str, Sources]:
    """Read the files behind each name that is an environment's; leave out the other names."""
    registry = Registry(root)
    found = [name for name in names if (root / "environments" / f"{name}.yaml").is_file()]
    return {
        environment.name: Sources(environment, _files(root, environment))
        for environment in (load_environments(root, registry, found) if found else ())
    }


def read_features(root: Path, verdicts: Iterable[Verdict]) -> dict[str, str]:
    """Read the feature files of the scenarios in verdicts, by their paths in the project."""
    locations = {scenario.location for verdict in verdicts for scenario in verdict.scenarios}
    paths = {location.rpartition(":")[0] for location in locations}
    return {path: (root / path).read_text(encoding="utf-8") for path in sorted(paths)}


def _files(root: Path, environment: Environment) -> dict[PurePosixPath, bytes]:
    paths = [PurePosixPath("environments", environment.path.name)]
    for use in environment.modules:
        folder = PurePosixPath("modules", use.name, str(use.version))
        paths += [folder / path.name for path in sorted((root / folder).glob("*.tf"))]
    files = ProjectFiles(root)
    return {path: files.resolve(path).read_bytes() for path in paths}


def _matrix(root: Path, proof: BinaryIO) -> tuple[Mutation, ...]:
    catalogue = {failure.id for failure in load_failures(root / "features")}
    return read_proof(proof.read(), proof.name, catalogue)
