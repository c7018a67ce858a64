"""An evidence report as if all had been run: verdicts, pictures and a proof to make one of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

from finbase.ci.pipeline import PipelineRun
from finbase.commands._evidence import read_features
from finbase.judge.catalogue import load_failures
from finbase.judge.coverage import Covered
from finbase.judge.frameworks import Framework, load_frameworks
from finbase.judge.prove import catalogue_hash
from finbase.judge.since import ControlChange
from finbase.judge.verdict import Scenario, Verdict
from finbase.plan.graph import read_stack
from finbase.plan.picture import Picture, read_picture
from finbase.project.checkout import Checkout
from finbase.report.forge import Forge
from finbase.report.html import page
from finbase.report.html.findings import Subject
from finbase.report.html.links import Links
from finbase.report.html.proof import Proof, read_proof
from finbase.report.provenance import Facts, Pinned, PlanFacts, Provenance
from tests.support.plans import plan, reference, resource

ROOT = Path(__file__).resolve().parents[2]
PROVENANCE = Provenance(datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC))
FAILURES = load_failures(ROOT / "features")
FRAMEWORKS = load_frameworks(ROOT / "features")
DIRTY = Provenance(
    PROVENANCE.made,
    Checkout("1" * 40, ("features/a.feature",), "", "https://github.com/bank/ledger", pushed=True),
    PipelineRun("GitHub Actions", "check, run 7", "octocat", "https://github.com/bank/ledger/7"),
    previous="2" * 64,
)
FACTS = Facts(
    "111122223333",
    "eu-west-1",
    (Pinned("kms", "2.0.0", "h1:AbC="), Pinned("draft", "0.1.0", "")),
    PlanFacts("3" * 64, offline=True, terraform="1.11.4", providers=("hashicorp/aws 5.100.0",)),
    (
        Covered("module.database.aws_db_instance.primary", ("F01", "F03")),
        Covered("aws_s3_bucket.logs", ()),
    ),
    (ControlChange("F01", "Title", "passed", "failed", ("a = 1",), ("a = 2",)),),
)
HOSTILE = """</style></script><script>alert('1')</script><img src=x onerror="x">&amp; " ' \x00"""
SEEN = {
    "F01": 'eu-west-1a: module.network.aws_nat_gateway.main["eu-west-1a"] in '
    'module.network.aws_subnet.public["eu-west-1a"]',
    "F03": "module.database.aws_db_instance.primary: rds.force_ssl = 1 in "
    "module.database.aws_db_parameter_group.main",
    "F04a": "module.database.aws_db_instance.primary: performance_insights_retention_period = 731",
    "F05": "module.replica_reporting.aws_db_instance.replica: performance_insights_enabled = true",
    "F06c": "module.secret.terraform_data.connection: host = not shown by this plan, from "
    "module.database.aws_db_instance.primary.address",
}
MATRIX = {
    "schema_version": 1,
    "finbase_version": "1.2.3",
    "made_at": "2024-05-01T00:00:00+00:00",
    "commit": "5" * 40,
    "changed_files": [],
    "features_sha256": catalogue_hash(ROOT),
    "proved": False,
    "applied": False,
    "unproved": [],
    "mutations": [
        {"environment": "production", "why": "it matters", "may_fall": [], "refused": ""} | mutation
        for mutation in (
            {"id": "nat-gateway-single", "failure": "F01", "what": f"removes {HOSTILE}"}
            | {"fell": ["F01", "F10"], "outcome": "caught"},
            {"id": "storage-type-old", "failure": "F04b", "what": "removes gp3"}
            | {"fell": [], "outcome": "missed"},
        )
    ],
}


@cache
def _first_scenario(id_: str) -> tuple[str, str]:
    """Return where the first scenario of a failure is, and its name."""
    for path in sorted((ROOT / "features").glob("*.feature")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, (tags, text) in enumerate(pairwise(lines), 2):
            if "Scenario" in text and f"@{id_} " in tags:
                return f"features/{path.name}:{number}", text.split(": ", 1)[1]
    raise AssertionError(f"no scenario has the tag @{id_}")


def scenarios(failing: tuple[str, ...] = (), evidence: str = "") -> Iterator[Scenario]:
    """The first scenario of each failure, as if it had been run."""
    for failure in FAILURES:
        location, name = _first_scenario(failure.id)
        failed = failure.id in failing
        yield Scenario(
            feature="A feature",
            name=name,
            tags=(failure.id,),
            failure_ids=(failure.id,),
            severity=failure.severity,
            requirements=(),
            status="failed" if failed else "passed",
            evidence=evidence or SEEN.get(failure.id, "seen"),
            location=location,
            step="Then it fails" if failed else "",
        )


def verdict(name: str, failing: tuple[str, ...] = (), evidence: str = "") -> Verdict:
    return Verdict(name, tuple(scenarios(failing, evidence)), FAILURES)


def picture(text: str = "web") -> Picture:
    made = plan(
        resource("aws_vpc.main", {"cidr_block": "10.0.0.0/16"}),
        resource("aws_subnet.private", {"availability_zone": text, "cidr_block": "10.0.0.0/24"}),
        resource("aws_security_group.app", {"description": text}),
        resource(
            "aws_vpc_security_group_egress_rule.out",
            {"description": text, "ip_protocol": "tcp", "from_port": 443, "to_port": 443}
            | {"cidr_ipv4": "0.0.0.0/0"},
            {"security_group_id": reference("aws_security_group.app")},
        ),
    )
    made["configuration"]["root_module"]["module_calls"] = {
        "kms": {"source": "../../modules/kms/1.0.0", "module": {}}
    }
    return read_picture(made, read_stack(made, ROOT / "features"))


def render(
    *subjects: Subject,
    proof: object = None,
    forge: Forge | None = None,
    provenance: Provenance = PROVENANCE,
    frameworks: tuple[Framework, ...] = FRAMEWORKS,
) -> str:
    features = read_features(ROOT, [subject.verdict for subject in subjects])
    sources = [subject.sources for subject in subjects if subject.sources]
    texts = {path: text for each in sources for path, text in each.texts().items()}
    return page.render(
        subjects,
        features=features,
        links=Links(forge, features | texts),
        provenance=provenance,
        proof=_proof(proof) if proof else None,
        frameworks=frameworks,
    )


def _proof(proof: object) -> Proof:
    known = {each["id"]: each["failure"] for each in MATRIX["mutations"]}  # type: ignore[attr-defined]
    ids = {each.id for each in FAILURES}
    return read_proof(json.dumps(proof).encode(), "matrix.json", ids, known, catalogue_hash(ROOT))
