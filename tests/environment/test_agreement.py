"""A YAML file and a module by hand are held to the same: rule by rule, on both sides of each."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from finbase.contract.contract import Contract, Input, Wire
from finbase.contract.registry import Registry
from finbase.environment.load import load
from finbase.environment.rules.handbook import bounds
from finbase.environment.rules.index import RULES
from finbase.environment.rules.rule import Change
from finbase.errors import InputError
from finbase.render.hcl import attributes
from finbase.terraform.program import find_terraform, isolated_environ
from tests.support.commands import ROOT
from tests.support.sample import SAMPLE, changed, write

REGISTRY = Registry(ROOT)
_STUBS: Mapping[str, Any] = {
    "string": "stub",
    "integer": 1,
    "boolean": True,
    "array": [],
    "object": {},
}


@dataclass(frozen=True)
class Case:
    """A change, whether it is let through, the codes of its breach, and who else holds it."""

    change: Change
    accepted: bool
    codes: tuple[str, ...]
    in_modules: bool


def cases() -> Iterator[tuple[str, Case]]:
    for rule in RULES:
        if not rule.note:
            own = not rule.yaml_only
            yield f"{rule.code}-accepted", Case(rule.accepted, True, (rule.code,), own)
            yield f"{rule.code}-refused", Case(rule.refused, False, (rule.code,), own)
    for bound in bounds(REGISTRY):
        # What stands at the top of a file goes to the stack, which has no variables.
        own = bound.name.partition(".")[0] in REGISTRY.names
        for index, change in enumerate(bound.accepted):
            yield f"{bound.name}-accepted-{index}", Case(change, True, bound.codes, own)
        for index, change in enumerate(bound.refused):
            yield f"{bound.name}-refused-{index}", Case(change, False, bound.codes, own)


CASES = dict(cases())


def test_file_accepts_and_refuses_examples(tmp_path: Path) -> None:
    wrong = {}
    for name, case in CASES.items():
        path = write(tmp_path, changed(case.change), None if case.accepted else "production")
        try:
            load(path, REGISTRY, tmp_path)
        except InputError as error:
            found = {each.code: each.hint for each in error.diagnostics}
            if case.accepted or found.keys().isdisjoint(case.codes) or not all(found.values()):
                wrong[name] = str(error)
        else:
            if not case.accepted:
                wrong[name] = "accepted"
        path.unlink()
    assert wrong == {}


def test_file_refuses_reader_that_is_not_an_arn(tmp_path: Path) -> None:
    """It is no example: secret 2.1.0 refuses it as well, but not with the module's words alone."""
    path = write(tmp_path, changed({"secret.readers": ["break-glass"]}))
    with pytest.raises(InputError, match="must be at most 8 ARNs of IAM roles or users"):
        load(path, REGISTRY, tmp_path)


@pytest.mark.terraform
def test_modules_agree_with_examples(tmp_path: Path) -> None:
    refused = refused_by_modules(tmp_path)
    wrong = {name: refused.get(name, []) for name, case in CASES.items() if case.accepted}
    assert not any(wrong.values()), wrong
    expected = {name for name, case in CASES.items() if case.in_modules and not case.accepted}
    assert expected - refused.keys() == set()


def test_bounds_cover_every_constrained_input() -> None:
    from finbase.render.validation import describe_constraint

    named = {bound.name for bound in bounds(REGISTRY)}
    for module in REGISTRY.names:
        for given in REGISTRY.current(module).inputs:
            assert (f"{module}.{given.name}" in named) == bool(describe_constraint(given)), (
                given.name
            )
    assert len(CASES) > 250


def test_rules_cover_every_contract_check() -> None:
    """A rule across inputs that the modules hold, and the YAML file does not, would be missed."""
    about = {name for rule in RULES if not rule.yaml_only for name in rule.inputs}
    for module in REGISTRY.names:
        for check in REGISTRY.current(module).checks:
            assert f"{module}.{check.input}" in about


def refused_by_modules(root: Path) -> dict[str, list[str]]:
    """What Terraform says to each case that a module refuses.

    Every module of which a case changes a variable is planned once with the values, without its
    resources: each is a test of ``terraform test``, of which one process runs all of a module.
    """
    usual = {label: values for label, _, values in calls(SAMPLE)}
    owners: dict[tuple[str, str], list[str]] = {}
    for name, case in CASES.items():
        for label, module, values in calls(changed(case.change)):
            if usual.get(label) != values:
                owners.setdefault((module, attributes(values, 4)), []).append(name)
    for module in REGISTRY.names:
        version = REGISTRY.current(module).version
        source = ROOT / "modules" / module / str(version) / "variables.tf"
        (root / module / "tests").mkdir(parents=True)
        (root / module / "variables.tf").write_bytes(source.read_bytes())
    for number, (module, body) in enumerate(owners):
        text = f'run "case" {{\n  command = plan\n  variables {{\n{body}\n  }}\n}}\n'
        (root / module / "tests" / f"{number}.tftest.hcl").write_text(text, encoding="utf-8")
    names = [*owners.values()]
    refused: dict[str, list[str]] = {}
    planned = 0
    for module in REGISTRY.names:
        for line in terraform_test(root / module):
            planned += line.get("test_run", {}).get("progress") == "complete"
            if line["type"] == "diagnostic":
                diagnostic = line["diagnostic"]
                assert diagnostic["summary"] == "Invalid value for variable", diagnostic
                for name in names[int(Path(diagnostic["range"]["filename"]).name.split(".")[0])]:
                    refused.setdefault(name, []).append(diagnostic["detail"])
    assert planned == len(names)
    return refused


def terraform_test(folder: Path) -> list[dict[str, Any]]:
    """Run the tests of a module, and return the messages of Terraform."""
    done = subprocess.run(
        [find_terraform().path, "test", "-json"],
        cwd=folder,
        env=isolated_environ(),
        capture_output=True,
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def calls(environment: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each instance of each module, with the values of its variables as far as they matter."""
    for module, section in environment["modules"].items():
        if module not in REGISTRY.names:
            continue
        contract = REGISTRY.current(module)
        if section["version"] != str(contract.version):
            continue
        instances = section.get("instances", {})
        if contract.multiplicity != "many":
            instances = {"": section, **instances}
        for key, inputs in instances.items():
            # Defaults are written out: what refuses one would else point into the module's file.
            values = {each.name: each.default for each in contract.inputs if not each.required}
            values |= {n: v for n, v in inputs.items() if n not in ("version", "instances")}
            further = key if contract.repeats else ""
            for wire in contract.wiring:
                values[wire.name] = wired(wire, key, environment, further)
            yield f"{module}.{key}", module, values


def wired(wire: Wire, key: str, environment: Mapping[str, Any], further: str) -> Any:
    """What fills a wire: a field of the file, an input of another module, or a stand-in.

    ``further`` is the name of a further database, which has no replicas and no cache.
    """
    if wire.module == "environment":
        name = "-".join(filter(None, (environment["project"], environment["environment"], further)))
        return {**environment, "name": name}[wire.output]
    if wire.module == "instance":
        return key
    contract = REGISTRY.current(wire.module)
    section = environment["modules"].get(wire.module, {})
    schema = wire.schema["additionalProperties"] if wire.keyed else wire.schema
    stub = _STUBS[str(schema["type"])]
    if further and not wire.required:
        return wire.default
    if further and contract.repeats:
        section = section.get("instances", {}).get(further, {})
    if contract.multiplicity == "many":
        return dict.fromkeys(section.get("instances", {}), "stub")
    source = next(output.value for output in contract.outputs if output.name == wire.output)
    match = re.fullmatch(r"var\.(\w+)", source)
    value = section.get(match[1], given(contract, match[1]).default) if match else stub
    if wire.keyed:
        return {wire.module: value} if wire.module in environment["modules"] else {}
    return value


def given(contract: Contract, name: str) -> Input:
    return next(each for each in contract.inputs if each.name == name)
