"""What a report is about: the stack, the plan and the commit, and who made the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any, NamedTuple

from finbase.ci.pipeline import PipelineRun
from finbase.contract.lock import Lock
from finbase.judge.coverage import Covered
from finbase.judge.shown import Shown, read_shown
from finbase.judge.since import ControlChange
from finbase.project.checkout import Checkout


class Pinned(NamedTuple):
    """A module version that a stack uses, and its hash in ``releases.lock``, or an empty string."""

    name: str
    version: str
    hash: str


@dataclass(frozen=True)
class PlanFacts:
    """The plan of a verdict; texts are empty if they are unknown.

    ``offline`` says that finbase's settings for plans without an account are in it; it is None if
    the plan does not show whether it was made on one. ``providers`` are their addresses with
    version constraints.
    """

    sha256: str = ""
    offline: bool | None = None
    terraform: str = ""
    providers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What identifies one verdict; texts are empty if they are unknown.

    ``changes`` is None if there is no earlier verdict on the environment to compare with.
    """

    account_id: str = ""
    region: str = ""
    modules: tuple[Pinned, ...] = ()
    plan: PlanFacts = PlanFacts()
    resources: tuple[Covered, ...] = ()
    changes: tuple[ControlChange, ...] | None = None

    @property
    def not_judged(self) -> tuple[str, ...]:
        """The planned resources that no control judged."""
        return tuple(each.address for each in self.resources if not each.controls)


@dataclass(frozen=True)
class Provenance:
    """Who made a report, when, and from which commit.

    ``checkout`` is None if the commit is unknown. ``previous`` is the SHA-256 of the earlier
    verdict that the report compares with, or empty. ``previous_bundle`` is that of the bundle that
    holds it, and ``previous_made`` when that was made, both empty if they are unknown.
    """

    made: datetime
    checkout: Checkout | None = None
    run: PipelineRun | None = None
    previous: str = ""
    previous_made: str = ""
    previous_bundle: str = ""


def plan_facts(plan: Mapping[str, Any], sha256: str) -> PlanFacts:
    """Return the facts of a plan; ``sha256`` is that of its file."""
    configured = plan["configuration"].get("provider_config", {})
    return PlanFacts(
        sha256,
        read_shown(plan).offline,
        str(plan.get("terraform_version", "")),
        tuple(
            dict.fromkeys(
                f"{each.get('full_name', '')} {each.get('version_constraint', '')}".strip()
                for each in configured.values()
            )
        ),
    )


def pins(shown: Shown, lock: Lock) -> tuple[Pinned, ...]:
    """Return the module versions that a plan calls, with their hashes."""
    hashes = {(name, str(version)): text for (name, version), text in lock.hashes.items()}
    return tuple(Pinned(*pin, hashes.get(pin, "")) for pin in shown.modules)


def document(provenance: Provenance, facts: Facts, environment: str) -> dict[str, Any]:
    """Return the facts of one environment as a JSON document."""
    checkout, run, plan = provenance.checkout, provenance.run, facts.plan
    return {
        "environment": environment,
        "account_id": facts.account_id or None,
        "region": facts.region or None,
        "made_at": provenance.made.isoformat(),
        "finbase_version": version("finbase"),
        "commit": checkout.commit if checkout else None,
        "changed_files": list(checkout.changed) if checkout else None,
        "repository": (checkout.url or None) if checkout else None,
        "pipeline_run": {**vars(run)} if run else None,
        "plan": {
            "sha256": plan.sha256 or None,
            "offline": plan.offline,
            "terraform_version": plan.terraform or None,
            "providers": list(plan.providers),
        },
        "modules": [each._asdict() for each in facts.modules],
        "resources": [
            {"address": each.address, "controls": list(each.controls)} for each in facts.resources
        ],
        "not_judged": list(facts.not_judged),
    }


def shared_modules(
    named: Sequence[tuple[str, Facts]],
) -> list[tuple[Pinned, tuple[str, ...]]]:
    """Return each module version once, with the names of the environments that use it."""
    users: dict[Pinned, list[str]] = {}
    for name, facts in named:
        for pinned in facts.modules:
            users.setdefault(pinned, []).append(name)
    return [(pinned, tuple(names)) for pinned, names in sorted(users.items())]
