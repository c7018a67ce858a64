"""Each wire of the contracts is demanded of a stack: nothing else may stand in its place."""

from __future__ import annotations

import copy
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from finbase.contract.registry import Registry
from finbase.judge.prove import rendered_files
from finbase.project.tree import lay_out
from finbase.terraform.workspace import Workspace
from tests.fuzz.fast_judge import Judge
from tests.support.commands import ROOT

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

import design_judge
from stack_graph import Stack

DESIGN = yaml.safe_load((ROOT / "features" / "design.yaml").read_text())


def wires() -> dict[tuple[str, str], set[str]]:
    """Return the outputs that each input of a module takes, in all releases."""
    registry, found = Registry(ROOT), dict[tuple[str, str], set[str]]()
    for name in registry.names:
        for version in registry.versions(name):
            for wire in registry.get(name, version).wiring:
                if wire.module not in ("environment", "instance"):
                    found.setdefault((name, wire.name), set()).add(wire.source)
    return found


def test_design_has_wires_of_the_contracts() -> None:
    listed = {
        (m, n): {source} for m, named in DESIGN["wires"].items() for n, source in named.items()
    }
    assert listed.items() <= wires().items()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("wires")
    lay_out(rendered_files(ROOT), root)
    return root / "environments" / "production"


@pytest.fixture(scope="module")
def plan(stack: Path, workspace: Workspace) -> dict[str, Any]:
    planned: dict[str, Any] = json.loads(workspace.plan(stack, project=stack.parents[1]))
    return planned


def deviations(plan: dict[str, Any], stack: Path | None = None) -> list[str]:
    return [deviation.text for deviation in design_judge.judged(Stack(plan, stack))[0]]


def unwired(plan: dict[str, Any], stack: Path | None = None) -> set[tuple[str, str]]:
    """Return the module block and the name of each input that is not an output."""
    texts = deviations(plan, stack)
    found = (text.partition(" must be the output ")[0] for text in texts if " must be the" in text)
    return {(label, name) for label, _, name in (each.partition(": ") for each in found)}


def wires_of(plan: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the block, the name and the expression of each wire of a stack."""
    known = wires()
    for label, call in plan["configuration"]["root_module"]["module_calls"].items():
        for name, expression in call["expressions"].items():
            if (call["source"].split("/")[-2], name) in known:
                yield label, name, expression


pytestmark = pytest.mark.terraform


def test_rendered_stack_has_all_wires(plan: dict[str, Any], stack: Path) -> None:
    assert len([*wires_of(plan)]) > 70
    assert unwired(plan) == unwired(plan, stack) == set()


@pytest.mark.parametrize(
    "instead",
    [
        {"constant_value": "fixed"},
        {"constant_value": []},
        {"references": ["local.name"]},
        {"references": ["module.kms.logs_key_id", "module.kms"]},
        {},
    ],
    ids=["text", "empty", "local", "other-output", "expression"],
)
def test_anything_else_is_refused(instead: dict[str, Any], plan: dict[str, Any]) -> None:
    """The rule of the wires judges each by itself; the rules of a resource must see the others."""
    changed = copy.deepcopy(plan)
    wires = [*wires_of(changed)]
    as_rendered = [{**expression} for _, _, expression in wires]
    for _, _, expression in wires:
        replace(expression, instead)
    seen = unwired(changed)
    assert len(seen) > 20
    for (_, _, expression), before in zip(wires, as_rendered, strict=True):
        replace(expression, before)
    assert changed == plan
    judge = Judge()
    assert not judge.fails(plan)
    for (label, name, expression), before in zip(wires, as_rendered, strict=True):
        if (f"module.{label}", name) not in seen and label != "replica_reconciliation":
            replace(expression, instead)
            assert judge.fails(changed), (label, name)
            replace(expression, before)


def replace(expression: dict[str, Any], other: dict[str, Any]) -> None:
    expression.clear()
    expression.update(other)


@pytest.mark.parametrize(
    "instead",
    [{"constant_value": "fixed"}, {"references": ["module.kms.logs_key_id", "module.kms"]}, {}],
    ids=["text", "other-output", "expression"],
)
def test_outputs_are_those_of_their_modules(instead: dict[str, Any], plan: dict[str, Any]) -> None:
    changed = copy.deepcopy(plan)
    outputs = changed["configuration"]["root_module"]["outputs"]
    for output in outputs.values():
        output["expression"] = instead
    outputs["own"] = {"expression": {"constant_value": "of a project"}}
    found = {text.partition(":")[0] for text in deviations(changed)}
    assert {f"output {name}" for name in outputs if name != "own"} == found
    assert len(found) > 15


@pytest.mark.parametrize(
    "code",
    [
        'concat({}, ["arn:aws:iam::111122223333:role/other"])',
        '[{}, "other"]',
        '"${{{}}}x"',
        "sort({})",
        '{{ a = {}, b = "other" }}',
        "{{ a = {}, b = 5 }}",
    ],
)
def test_more_than_the_output_is_refused(
    code: str, plan: dict[str, Any], stack: Path, tmp_path: Path
) -> None:
    """A plan shows the references of an expression only; the HCL shows the rest."""
    shutil.copytree(stack.parents[1], tmp_path, dirs_exist_ok=True)
    main = tmp_path / "environments" / "production" / "main.tf"
    text = main.read_text()
    readers = "module.secret.readers\n"
    assert text.count(readers) == 1
    main.write_text(text.replace(readers, code.format(readers.strip()) + "\n"))
    assert unwired(plan, main.parent) == {("module.roles", "connection_readers")}
