"""A verdict as assessment results in OSCAL, for tools of auditors.

Each control of the catalogue is a finding, each scenario an observation. The document has no
assessment plan or profile of its own: it refers to the report in the same bundle. See
https://pages.nist.gov/OSCAL/.
"""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from finbase.judge.verdict import FailureRow, Scenario, Verdict
from finbase.report.bundle.statement import dump
from finbase.report.provenance import Facts, Provenance

_VERSION = "1.1.2"
_NAMESPACE = uuid5(NAMESPACE_URL, "https://in-toto.io/attestation/test-result/v0.1")
_STATES = {"passed": "satisfied", "failed": "not-satisfied", "not shown": "not-satisfied"}


def assessment_results(verdict: Verdict, provenance: Provenance, facts: Facts) -> bytes:
    """Return the document; the same arguments return the same identifiers."""
    made = provenance.made.isoformat()
    seed = f"{verdict.environment} {made} {facts.plan.sha256}"

    def identify(what: str) -> str:
        return str(uuid5(_NAMESPACE, f"{seed} {what}"))

    rows = [row for row in verdict.by_failure() if row.status in _STATES]
    judged = [each for each in verdict.scenarios if each.status in _STATES]
    title = f"Planned stack of {verdict.environment}"
    result = {
        "uuid": identify("result"),
        "title": title,
        "description": (
            f"Terraform planned the stack of {verdict.environment}, and the scenarios of finbase "
            f"judged the plan, whose SHA-256 is {facts.plan.sha256 or 'unknown'}."
        ),
        "start": made,
        "reviewed-controls": {
            "control-selections": [
                {
                    "description": "The controls of finbase's catalogue.",
                    "include-controls": [{"control-id": row.id.lower()} for row in rows],
                }
            ]
        },
        "observations": [
            _observation(each, identify(each.location), facts, identify("plan"), made)
            for each in judged
        ],
        "findings": [_finding(row, identify) for row in rows],
    }
    return dump(
        {
            "assessment-results": {
                "uuid": identify("document"),
                "metadata": {
                    "title": f"{title}: assessment results of finbase",
                    "last-modified": made,
                    "version": made,
                    "oscal-version": _VERSION,
                },
                "import-ap": {"href": "report.html"},
                "results": [result],
            }
        }
    )


def _observation(
    scenario: Scenario, id_: str, facts: Facts, plan: str, made: str
) -> dict[str, Any]:
    lines = scenario.evidence.splitlines() or ["no evidence"]
    return {
        "uuid": id_,
        "title": scenario.name,
        "description": f"{scenario.feature}: {scenario.status}",
        "props": [{"name": "location", "value": scenario.location}],
        "methods": ["TEST"],
        "subjects": [
            {"subject-uuid": plan, "type": "resource", "title": f"plan {facts.plan.sha256}".strip()}
        ],
        "relevant-evidence": [{"description": line} for line in lines],
        "collected": made,
    }


def _finding(row: FailureRow, identify: Any) -> dict[str, Any]:
    return {
        "uuid": identify(row.id),
        "title": row.title,
        "description": row.requirement,
        "target": {
            "type": "objective-id",
            "target-id": row.id.lower(),
            "status": {"state": _STATES[row.status]},
        },
        "related-observations": [
            {"observation-uuid": identify(each.location)}
            for each in row.scenarios
            if each.status in _STATES
        ],
    }
