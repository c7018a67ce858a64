"""The scenarios cover the catalogue, cannot pass by silence, and judge alike everywhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import hcl2
import pytest

from finbase.judge import compliance
from finbase.judge.catalogue import load_failures
from finbase.judge.frameworks import load_frameworks
from finbase.judge.verdict import Verdict
from finbase.plan.document import read_plan
from finbase.terraform.workspace import Workspace
from tests.judge.in_process import failed_places
from tests.support.commands import ROOT

FEATURES = ROOT / "features"
FAILURES = {failure.id: failure for failure in load_failures(FEATURES)}
(PCI,) = load_frameworks(FEATURES, ["pci-dss"])
ENVIRONMENTS = ("production", "staging", "development")
FORBIDS = "Then the scenario should fail"
OPTIONAL = {"aws_sns_topic_subscription"}  # An environment may name no address.


@dataclass(frozen=True)
class Outline:
    """A scenario as it is written: where, its tags, and its lines."""

    place: str
    tags: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(tag for tag in self.tags if re.fullmatch(r"[BDF]\d\d[a-z]?", tag))

    @property
    def pci(self) -> set[str]:
        return {tag.removeprefix("pci-") for tag in self.tags if tag.startswith("pci-")}


def written() -> Iterator[Outline]:
    for path in sorted(FEATURES.glob("*.feature")):
        blocks = re.split(r"^ *(?=@)", path.read_text(), flags=re.MULTILINE)[1:]
        for number, block in enumerate(blocks, 1):
            tags, *lines = [line.strip() for line in block.splitlines() if line.strip()]
            names = tuple(tag.removeprefix("@") for tag in tags.split())
            yield Outline(f"{path.stem}-{number}", names, tuple(lines))


OUTLINES = tuple(written())


# --- tags ------------------------------------------------------------------------------------


def test_scenarios_all_have_tags() -> None:
    lines = [line for path in FEATURES.glob("*.feature") for line in path.read_text().splitlines()]
    assert len(OUTLINES) == sum(line.strip().startswith("Scenario") for line in lines)


@pytest.mark.parametrize("id_", FAILURES)
def test_catalogue_matches_tags_of_scenarios(id_: str) -> None:
    own = [each for each in OUTLINES if id_ in each.ids]
    assert own
    assert all(FAILURES[id_].severity in each.tags for each in own)
    assert {number for each in own for number in each.pci} == {*PCI.of(id_)}


# The module without which a control has nothing to judge.
PARTS = {
    **dict.fromkeys(["F07a", "F07b", "F07c", "B09"], "cache"),
    **dict.fromkeys(["B14", "B15"], "roles"),
    "F01": "gateways",
    "F05": "replica",
}


PARTS_OF_STEPS = {
    "Then the plan has a dashboard": "monitoring.dashboards",
    "Then the network of the stack has at least one resource of each type": "network",
    "Then every public subnet reaches the internet through the internet gateway": "gateways",
}
"""Likewise, of the scenarios with these steps."""


def test_tags_of_each_scenario() -> None:
    for outline in OUTLINES:
        (id_,) = outline.ids
        parts = [PARTS_OF_STEPS[line] for line in outline.lines if line in PARTS_OF_STEPS]
        if not parts and id_ in PARTS:
            parts = [PARTS[id_]]
        rest = set(outline.tags) - {id_, "noskip"} - {f"pci-{number}" for number in outline.pci}
        assert rest == {FAILURES[id_].severity, *(f"part-{p}" for p in parts)}, outline.place
        assert ("noskip" in outline.tags) is not (FORBIDS in outline.lines), outline.place


# --- steps -----------------------------------------------------------------------------------

MATCH = """
import json, sys
from radish.loader import load_modules
from radish.matcher import match_step
from radish.stepregistry import StepRegistry
import terraform_compliance.main
from terraform_compliance.extensions import ext_radish_bdd
from terraform_compliance.steps import steps as stock

stocked = set(StepRegistry().steps)
load_modules(sys.argv[1])
steps = StepRegistry().steps
used, odd = set(), []
for sentence in json.load(sys.stdin):
    exact = [p for p in steps if (m := match_step(sentence, {p: steps[p]}))
             and len(m.argument_match.match.match.group()) == len(sentence)]
    own = [p for p in exact if p not in stocked]
    if not exact or (own and len(exact) > 1):
        odd.append([sentence, exact])
    used.update(exact)
print(json.dumps({"odd": odd, "unused": sorted(set(steps) - stocked - used)}))
"""


def sentences() -> list[str]:
    """Every step with the rows of its outline filled in, and Given, When or Then before it."""
    found = []
    for outline in OUTLINES:
        rows = [line for line in outline.lines if line.startswith("|")]
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
        examples = [dict(zip(cells[0], row, strict=True)) for row in cells[1:]] if rows else []
        for filling in examples if "Examples:" in outline.lines else [{}]:
            kind = ""
            for line in outline.lines:
                word, _, rest = line.partition(" ")
                if word in ("Given", "When", "Then", "And"):
                    kind = kind if word == "And" else word
                    for name, cell in filling.items():
                        rest = rest.replace(f"<{name}>", cell)
                    found.append(f"{kind} {rest}")
    return found


def test_sentences_match_one_step_each() -> None:
    finished = subprocess.run(
        [sys.executable, "-P", "-c", MATCH, FEATURES / "steps"],
        input=json.dumps(sentences()),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(finished.stdout.splitlines()[-1]) == {"odd": [], "unused": []}


def test_steps_import_only_terraform_compliance() -> None:
    texts = [path.read_text() for path in (FEATURES / "steps").rglob("*.py")]
    own = {path.stem for path in (FEATURES / "steps").rglob("*.py")}
    imported = {
        m[1] for t in texts for m in re.finditer(r"^(?:from|import) (\w+)", t, re.MULTILINE)
    }
    assert imported - own - sys.stdlib_module_names == {"radish", "terraform_compliance"}


# --- what no plan shows ------------------------------------------------------------------------


def test_versions_are_pinned_in_every_folder() -> None:
    mains = [*ROOT.glob("modules/*/*/main.tf"), *ROOT.glob("environments/*/main.tf")]
    assert mains
    for folder in (path.parent for path in mains):
        (terraform,) = hcl2.loads((folder / "versions.tf").read_text())["terraform"]
        (providers,) = terraform["required_providers"]
        pins = [
            terraform["required_version"],
            *(each["version"] for each in providers.values() if isinstance(each, dict)),
        ]
        assert len(pins) > 1, folder
        assert all(re.search(r"\d+\.\d+", pin) for pin in pins), folder


# --- real plans --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plan(workspace: Workspace) -> Callable[[str], bytes]:
    made: dict[str, bytes] = {}

    def plan(name: str) -> bytes:
        if name not in made:
            made[name] = workspace.plan(ROOT / "environments" / name, project=ROOT)
        return made[name]

    return plan


def fallen(verdict: Verdict) -> list[str]:
    return [row.id for row in verdict.by_failure() if row.status == "failed"]


def without(plan: bytes, type_: str | None) -> bytes:
    """The plan, without all resources of a type, or without any resource at all."""

    def gone(each: Mapping[str, Any]) -> bool:
        return type_ is None or (each["mode"], each["type"]) == ("managed", type_)

    def strip(module: dict[str, Any]) -> None:
        module["resources"] = [each for each in module.get("resources", ()) if not gone(each)]
        for child in module.get("child_modules", ()):
            strip(child)
        for call in module.get("module_calls", {}).values():
            strip(call["module"])

    document = json.loads(plan)
    strip(document["planned_values"]["root_module"])
    strip(document["configuration"]["root_module"])
    changes = document["resource_changes"]
    document["resource_changes"] = [change for change in changes if not gone(change)]
    return json.dumps(document).encode()


@pytest.mark.terraform
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_environments_pass_with_evidence(environment: str, plan: Callable[[str], bytes]) -> None:
    verdict = compliance.run(plan(environment), FEATURES)
    assert fallen(verdict) == []
    left_out = {s.failure_ids for s in verdict.scenarios if s.status != "passed"}
    assert left_out == ({("F05",)} if environment == "development" else set())
    assert all(scenario.evidence for scenario in verdict.scenarios)


@pytest.mark.terraform
def test_empty_plan_fails_every_control(plan: Callable[[str], bytes]) -> None:
    verdict = compliance.run(without(plan("staging"), None), FEATURES)
    assert fallen(verdict) == list(FAILURES)


@pytest.mark.terraform
def test_plan_without_a_type_fails(plan: Callable[[str], bytes]) -> None:
    whole = plan("development")
    changes = json.loads(whole)["resource_changes"]
    types = sorted({each["type"] for each in changes if each["mode"] == "managed"} - OPTIONAL)
    assert len(types) > 30
    plans = {each: without(whole, each) for each in types}
    failed = {each: failed_places(read_plan(plan, each)) for each, plan in plans.items()}
    unseen = [each for each in types if not failed[each]]
    assert unseen == []
    judged = compliance.run(plans[types[0]], FEATURES)
    assert {scenario.location for scenario in judged.failed} == failed[types[0]]
