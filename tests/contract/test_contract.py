"""Test that an invalid contract is refused with the position of the wrong value."""

from __future__ import annotations

from pathlib import Path

import pytest

from finbase.contract.contract import Contract
from finbase.contract.registry import Registry
from finbase.errors import InputError
from tests.support.commands import ROOT

VALID = """\
name: x
version: 1.0.0
summary: s
terraform: ">= 1.11.0"
providers: {}
inputs:
  a:
    type: string
    description: d
wiring:
  b: {from: kms.arn, type: string, description: d}
checks:
  - {input: a, condition: "true", message: m}
outputs:
  c: {value: "1", description: d}
"""


def test_parse_valid_contract() -> None:
    contract = Contract.parse(VALID.encode(), Path("contract.yaml"))
    assert [variable.name for variable in contract.variables] == ["a", "b"]
    assert contract.wiring[0].source == "kms.arn"
    assert "from" not in contract.wiring[0].schema


@pytest.mark.parametrize(
    ("old", "new", "position", "message"),
    [
        ("version: 1.0.0", "version: 1.0", "2:10", "version: "),
        ("version: 1.0.0", "version: 2026-01-01", "2:10", "`2026-01-01` as text; quote it"),
        ("type: string\n", "type: string\n    default: 2020-01-01\n", "9:14", "as text; quote it"),
        ("type: string\n", "type: number\n    default: .nan\n", "9:14", "not a number in JSON"),
        ("name: x\n", "name: x # \x00\n", "1:1", "not YAML: "),
        ("name: x\n", f"name: {'[' * 3000}\n", "1:1006", "not YAML: "),
        ("  a:\n", "  null:\n", "7:3", "the key `null` as text; quote it"),
        ("  a:\n", "  true:\n", "7:3", "the key `true` as text; quote it"),
        ("  a:\n", "  ? [a]\n  :\n", "7:5", "not YAML"),
        ("  a:\n", "  a b:\n", "8:5", "inputs.a b: not a name of lowercase letters"),
        ("name: x", "name: [x", "2:8", "not YAML"),
        ("name: x\n", "", "1:1", "the contract: "),
        ("summary: s", "sumary: s", "1:1", "the contract: "),
        ("providers: {}", "providers: {aws: {source: a}}", "5:18", "providers.aws: "),
        ("    type: string\n", "", "8:5", "inputs.a: "),
        ("    type: string\n", "    type: text\n", "8:11", "inputs.a.type: "),
        ("from: kms.arn", "from: kms", "11:13", "wiring.b.from: "),
        ("  b: {", "  a: {", "11:6", "wiring.a: there is another input of this name"),
        ("name: x\n", "name: x\n<<<<<<< HEAD\n", "2:1", "a merge conflict"),
        ("input: a", "input: z", "13:13", "check of an unknown input: z"),
        ('condition: "true"', "condition: true", "13:27", "checks.0.condition: "),
        ('value: "1"', 'values: "1"', "15:6", "outputs.c: "),
    ],
)
def test_parse_refuses_invalid_contract(old: str, new: str, position: str, message: str) -> None:
    assert old in VALID
    with pytest.raises(InputError) as caught:
        Contract.parse(VALID.replace(old, new).encode(), Path("contract.yaml"))
    (diagnostic,) = caught.value.diagnostics
    assert f"{diagnostic.line}:{diagnostic.column}" == position
    assert message in diagnostic.message


def test_registry_refuses_an_invalid_contract_every_time(tmp_path: Path) -> None:
    folder = tmp_path / "templates/modules/x"
    folder.mkdir(parents=True)
    (folder / "contract.yaml").write_text(VALID.replace("summary", "sumary"))
    for _ in range(2):
        with pytest.raises(InputError, match="summary"):
            Registry(tmp_path).current("x")


def test_every_contract_of_the_project_is_valid() -> None:
    registry = Registry(ROOT)
    for name in registry.names:
        for version in registry.versions(name):
            assert Contract.load(registry.get(name, version).path).version == version


@pytest.mark.parametrize(
    "name", ["count", "for_each", "source", "version", "provider", "providers", "locals"]
)
def test_parse_refuses_reserved_inputs(name: str) -> None:
    source = VALID.replace("  a:\n", f"  {name}:\n").replace("input: a", f"input: {name}")
    with pytest.raises(InputError, match=f"inputs.{name}: Terraform reserves this name"):
        Contract.parse(source.encode(), Path("contract.yaml"))


def test_parse_refuses_input_that_is_misread() -> None:
    source = VALID.replace("  a:\n", "  outputs:\n").replace("input: a", "input: outputs")
    with pytest.raises(InputError, match=r"inputs\.outputs: terraform-compliance takes this name"):
        Contract.parse(source.encode(), Path("contract.yaml"))
