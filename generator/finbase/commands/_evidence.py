"""Collect the data of the reports that link findings to files of the project."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from finbase.ci.pipeline import pipeline_run
from finbase.contract.lock import Lock
from finbase.contract.registry import Registry
from finbase.environment.load import load_environments
from finbase.errors import FinbaseError
from finbase.judge.catalogue import load_failures
from finbase.judge.coverage import coverage
from finbase.judge.frameworks import DEFAULT, FOLDER, Framework, load_frameworks
from finbase.judge.mutations import load_mutations
from finbase.judge.prove import catalogue_hash
from finbase.judge.shown import read_shown
from finbase.judge.since import changes
from finbase.plan.document import read_shape
from finbase.plan.graph import read_stack
from finbase.plan.picture import read_picture
from finbase.project.checkout import Checkout, read_checkout
from finbase.project.files import ProjectFiles
from finbase.report.documents import OtherFormatError
from finbase.report.forge import find_forge
from finbase.report.html import page
from finbase.report.html.findings import Subject
from finbase.report.html.links import Links
from finbase.report.html.proof import Proof, read_proof
from finbase.report.provenance import Facts, Provenance, pins, plan_facts
from finbase.report.sources import Sources
from finbase.report.verdict_json import read_part
from finbase.system.clock import now

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from finbase.commands._shown import Shown
    from finbase.environment.model import Environment
    from finbase.judge.verdict import Verdict


@dataclass(frozen=True)
class Evidence:
    """The data of an HTML report, collected while plans are made and judged."""

    root: Path
    file: BinaryIO
    proof: Proof | None
    supplied: bool
    frameworks: tuple[Framework, ...]
    provenance: Provenance
    previous: Mapping[str, Verdict]
    plans: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    @classmethod
    def start(
        cls,
        root: Path,
        file: BinaryIO,
        shown: Shown,
        *,
        supplied: bool,
        previous_bundle: tuple[str, str] = ("", ""),
    ) -> Evidence:
        """Start a report; ``supplied`` says that the user supplied the plan.

        A project without a folder of frameworks gets none. ``previous_bundle`` says when the bundle
        that holds the earlier verdict was made, and has its SHA-256. Raises ``FinbaseError`` if the
        proof matrix, a framework or the earlier verdict is invalid, before anything is planned.
        """
        features = root / "features"
        known = (features / FOLDER).is_dir()
        earlier, digest = read_previous(shown.previous_file)
        return cls(
            root,
            file,
            _matrix(root, shown.proof_file) if shown.proof_file else None,
            supplied,
            load_frameworks(features, shown.framework or (DEFAULT,)) if known else (),
            Provenance(
                now(), checkout_of(root), pipeline_run(os.environ), digest, *previous_bundle
            ),
            earlier,
        )

    def keep(self, name: str, plan: bytes, sha256: str = "") -> None:
        """Keep the plan of an environment, and the hash of its file."""
        self.plans[name] = plan, sha256

    def write(self, verdicts: Sequence[Verdict]) -> None:
        """Write the report."""
        self.file.write(self.page(verdicts).encode())

    def page(self, verdicts: Sequence[Verdict]) -> str:
        """Return the report."""
        sources = read_sources(self.root, [verdict.environment for verdict in verdicts])
        features = read_features(self.root, verdicts)
        texts = {path: text for each in sources.values() for path, text in each.texts().items()}
        return page.render(
            [self._subject(verdict, sources.get(verdict.environment)) for verdict in verdicts],
            features=features,
            links=Links(find_forge(self.provenance.checkout, os.environ), texts | features),
            provenance=self.provenance,
            proof=self.proof,
            frameworks=self.frameworks,
        )

    def _subject(self, verdict: Verdict, sources: Sources | None) -> Subject:
        text, _ = self.plans[verdict.environment]
        plan = read_shape(text, verdict.environment)
        picture = read_picture(plan, read_stack(plan, self.root / "features"))
        facts = self._facts(verdict, plan, sources)
        return Subject(verdict, picture, sources, self.supplied, facts)

    def facts(self, verdict: Verdict) -> Facts:
        """Return what identifies a verdict whose plan was kept."""
        name = verdict.environment
        plan = read_shape(self.plans[name][0], name)
        return self._facts(verdict, plan, read_sources(self.root, [name]).get(name))

    def _facts(self, verdict: Verdict, plan: Mapping[str, Any], sources: Sources | None) -> Facts:
        name = verdict.environment
        environment = sources.environment if sources else None
        earlier = self.previous.get(name)
        shown = read_shown(plan)
        account = environment.account_id if environment else None
        region = environment.region if environment else None
        if self.supplied:
            account = shown.one(shown.accounts, account)
            region = shown.one(shown.regions, region)
        return Facts(
            account or "",
            region or "",
            pins(shown, Lock.load(self.root)),
            plan_facts(plan, self.plans[name][1]),
            coverage(verdict, plan, self.root / "features"),
            changes(earlier, verdict) if earlier else None,
        )


def checkout_of(root: Path) -> Checkout | None:
    """Return the commit of the project, or None without git, a repository or a commit."""
    try:
        return read_checkout(root)
    except FinbaseError:
        return None


def read_previous(file: BinaryIO | None) -> tuple[dict[str, Verdict], str]:
    """Read an earlier verdict; return its environments by name, and the SHA-256 of the file."""
    if file is None:
        return {}, ""
    data = file.read()
    digest = hashlib.sha256(data).hexdigest()
    try:
        part = read_part(data, file.name)
    except OtherFormatError:
        return {}, digest  # A new format does not end a chain of bundles.
    return {verdict.environment: verdict for verdict in part.verdicts}, digest


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


def _matrix(root: Path, proof: BinaryIO) -> Proof:
    catalogue = {failure.id for failure in load_failures(root / "features")}
    known = {mutation.id: mutation.failure for mutation in load_mutations(root / "features")}
    return read_proof(proof.read(), proof.name, catalogue, known, catalogue_hash(root))
