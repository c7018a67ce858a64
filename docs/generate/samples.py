"""Write the samples and the picture of the README: ``python -m docs.generate.samples``.

``plan.json.gz`` is a plan of production, and ``change.json.gz`` has the changes of a plan that adds
a replica to the applied stack. Everything else is made from these two, so that the samples depend
neither on a clock nor on a machine. The time, the commit, the run and the key are made up.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from finbase.ci.pipeline import PipelineRun
from finbase.commands._bundle import Bundler
from finbase.commands._evidence import Evidence
from finbase.judge import compliance
from finbase.judge.frameworks import load_frameworks
from finbase.plan.document import read_shape
from finbase.plan.graph import read_stack
from finbase.plan.picture import read_picture
from finbase.plan.summary import summarise
from finbase.project.checkout import Checkout
from finbase.report.bundle.archive import unpack
from finbase.report.drawing.draw import standalone
from finbase.report.plan import PlanReport
from finbase.report.provenance import Provenance
from finbase.terraform.program import find_terraform
from finbase.terraform.provider import find_provider
from finbase.terraform.workspace import Workspace

FOLDER = Path("docs", "evidence", "samples")
PICTURE = Path("docs", "pictures", "production.svg")
ENVIRONMENT = "production"
PROVENANCE = Provenance(
    datetime(2026, 1, 5, 9, 30, tzinfo=UTC),
    Checkout("0123456789abcdef0123456789abcdef01234567"),
    PipelineRun("none", "this is a sample; its time, its commit and its key are made up"),
)
_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a sample key").digest())
_COMPARED = ("planned_values", "configuration")


def samples(root: Path) -> Mapping[str, bytes]:
    """Return the content of each sample, by its path in the project."""
    plan = gzip.decompress((root / FOLDER / "plan.json.gz").read_bytes())
    change = json.loads(gzip.decompress((root / FOLDER / "change.json.gz").read_bytes()))
    features = root / "features"
    verdict = compliance.run(
        plan,
        features,
        environment=ENVIRONMENT,
        rendered=True,
        stack=root / "environments" / ENVIRONMENT,
    )
    output = _Output()
    frameworks = load_frameworks(features, ("pci-dss", "dora"))
    evidence = Evidence(root, output, None, False, frameworks, PROVENANCE, {})
    evidence.keep(ENVIRONMENT, plan, hashlib.sha256(plan).hexdigest())
    Bundler(evidence, {}, _KEY, "").write(verdict)
    public = _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    bundle = output.getvalue()
    content = read_shape(plan, ENVIRONMENT)
    picture = read_picture(content, read_stack(content, features))
    return {
        str(FOLDER / "bundle.zip"): bundle,
        str(FOLDER / "key.pub.pem"): public,
        str(FOLDER / "report.html"): unpack(bundle)["report.html"],
        str(FOLDER / "pull-request-comment.md"): comment(change).encode(),
        str(PICTURE): standalone(picture, "architecture", ENVIRONMENT).encode(),
    }


def comment(change: Mapping[str, Any]) -> str:
    """Return what a reviewer reads below a pull request."""
    return f"{PlanReport(ENVIRONMENT, summarise(change)).text()}\n"


def is_current(root: Path, made: bytes) -> bool:
    """Return whether the kept plan is of the same stack as a plan that was made now."""
    kept = json.loads(gzip.decompress((root / FOLDER / "plan.json.gz").read_bytes()))
    now = json.loads(made)
    return all(kept[key] == now[key] for key in _COMPARED)


def main(root: Path) -> None:
    """Keep a new plan if the stack has changed, and write the samples."""
    terraform = find_terraform()
    with (
        tempfile.TemporaryDirectory() as scratch,
        Workspace(terraform, Path(scratch), find_provider(terraform)) as workspace,
    ):
        made = workspace.plan(root / "environments" / ENVIRONMENT, project=root)
    if not is_current(root, made):
        (root / FOLDER / "plan.json.gz").write_bytes(gzip.compress(made, 9, mtime=0))
    for name, data in samples(root).items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(data)


class _Output(io.BytesIO):
    name = "bundle.zip"


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[2])
