from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from finbase.contract.contract import Check, Input, Wire
from finbase.contract.registry import Registry
from finbase.render.hcl import attributes, type_constraint
from finbase.render.validation import describe_constraint, validations
from finbase.terraform.program import find_terraform, isolated_environ
from tests.support.commands import ROOT


def variable(schema: dict[str, Any], rule: str | None = None, name: str = "x") -> Input:
    return Input(
        name=name,
        schema=schema,
        description="An input.",
        rule=rule,
        required="default" not in schema,
        sensitive=False,
        ephemeral=False,
    )


ENTRY = {
    "type": "object",
    "properties": {
        "cidr": {"type": "string", "pattern": "^10\\."},
        "size": {"type": "integer", "minimum": 1},
    },
    "required": ["cidr"],
    "additionalProperties": False,
}

# schema, condition, words after "x"
CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "string", "enum": ["a"]}, 'contains(["a"], var.x)', "must be a"),
    (
        {"type": "string", "enum": ["a", "b", ""]},
        'contains(["a", "b", ""], var.x)',
        'must be a, b or ""',
    ),
    ({"type": "integer", "enum": [1, 2]}, "contains([1, 2], var.x)", "must be 1 or 2"),
    ({"type": "boolean", "const": True}, "var.x == true", "must be true"),
    (
        {"type": "string", "pattern": r'^\d+ "%{1}\\$'},
        r'can(regex("^\\d+ \"%%{1}\\\\$", var.x))',
        r'must match the pattern ^\d+ "%{1}\\$',
    ),
    (
        {"type": "string", "minLength": 1, "maxLength": 9},
        "length(var.x) >= 1 && length(var.x) <= 9",
        "must be between 1 and 9 characters long",
    ),
    ({"type": "string", "maxLength": 9}, "length(var.x) <= 9", "must be at most 9 characters long"),
    (
        {"type": "string", "minLength": 3, "maxLength": 3},
        "length(var.x) == 3",
        "must be exactly 3 characters long",
    ),
    ({"type": "integer"}, "floor(var.x) == var.x", "must be a whole number"),
    ({"type": "number", "minimum": 0.5}, "var.x >= 0.5", "must be at least 0.5"),
    (
        {"type": "integer", "minimum": 1},
        "var.x >= 1 && floor(var.x) == var.x",
        "must be a whole number of at least 1",
    ),
    (
        {"type": "integer", "minimum": 1, "maximum": 5},
        "var.x >= 1 && var.x <= 5 && floor(var.x) == var.x",
        "must be a whole number between 1 and 5",
    ),
    ({"type": "integer", "multipleOf": 4}, "var.x % 4 == 0", "must be a multiple of 4"),
    (
        {
            "type": "integer",
            "anyOf": [{"enum": [7, 731]}, {"multipleOf": 31, "minimum": 31, "maximum": 713}],
        },
        "contains([7, 731], var.x) || (var.x >= 31 && var.x <= 713 && var.x % 31 == 0)",
        "must be 7 or 731 or be a multiple of 31 between 31 and 713",
    ),
    (
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "length(var.x) >= 1",
        "must have at least 1 element",
    ),
    (
        {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        'alltrue([for item in var.x : contains(["a", "b"], item)])',
        "every element must be a or b",
    ),
    (
        {
            "type": "array",
            "items": {"type": "array", "items": {"type": "number", "maximum": 2}},
        },
        "alltrue([for item in var.x : alltrue([for item_2 in item : item_2 <= 2])])",
        "every element of every element must be at most 2",
    ),
    (
        {
            "type": "array",
            "uniqueItems": True,
            "items": {"type": "string"},
            "allOf": [{"contains": {"const": "a"}}],
        },
        'contains(var.x, "a")',
        "must include a",
    ),
    (
        {"type": "array", "items": {"type": "number"}, "contains": {"minimum": 3, "maximum": 4}},
        "anytrue([for item in var.x : item >= 3 && item <= 4])",
        "must have an element that must be between 3 and 4",
    ),
    (
        {
            "type": "object",
            "propertyNames": {"not": {"enum": ["a"]}},
            "additionalProperties": {"type": "string"},
        },
        'alltrue([for key in keys(var.x) : !contains(["a"], key)])',
        "every key must not be a",
    ),
    (
        {
            "type": "object",
            "additionalProperties": {"type": "string", "maxLength": 3},
            "maxProperties": 2,
        },
        "length(var.x) <= 2",
        "must have at most 2 keys",
    ),
    (
        {"type": "string", "not": {"anyOf": [{"enum": ["a"]}, {"pattern": "^p_"}]}},
        '!(contains(["a"], var.x) || can(regex("^p_", var.x)))',
        "must not be a or match the pattern ^p_",
    ),
    (
        {"type": "object", "additionalProperties": ENTRY},
        'alltrue([for value in values(var.x) : can(regex("^10\\\\.", value.cidr))])',
        "cidr of every value must match the pattern ^10\\.",
    ),
    (
        {"type": "integer", "minimum": 3, "maximum": 9, "default": None},
        "var.x == null ? true : var.x >= 3 && var.x <= 9 && floor(var.x) == var.x",
        "must be a whole number between 3 and 9",
    ),
]


@pytest.mark.parametrize(("schema", "condition", "says"), CASES)
def test_validations_of_keyword(schema: dict[str, Any], condition: str, says: str) -> None:
    name = "x" if says.startswith("must") else "x:"
    assert validations(variable(schema))[0] == (condition, f"{name} {says}.")


def test_validations_of_optional_member() -> None:
    blocks = validations(variable({"type": "object", "additionalProperties": ENTRY}))
    assert blocks[1] == (
        "alltrue([for value in values(var.x) : "
        "value.size == null ? true : value.size >= 1 && floor(value.size) == value.size])",
        "x: size of every value must be a whole number of at least 1.",
    )


def test_validations_with_rule() -> None:
    schema = {"type": "string", "maxLength": 9, "pattern": "^a"}
    assert len(validations(variable(schema))) == 2
    assert validations(variable(schema, rule="must be short.")) == [
        ('alltrue([\n  length(var.x) <= 9,\n  can(regex("^a", var.x)),\n])', "x must be short.")
    ]
    unset = validations(variable({**schema, "default": None}, rule="must be short"))
    assert unset[0][0].startswith("var.x == null ? true : alltrue([\n")


def test_validations_with_checks() -> None:
    checks = [Check("y", "var.y", "y is wrong."), Check("x", "var.x > var.y\n", "x is too small.")]
    schema = {"type": "boolean"}
    assert validations(variable(schema), checks) == [("var.x > var.y", "x is too small.")]


def test_validations_of_wire() -> None:
    wire = Wire("x", {"type": "integer"}, "A wire.", None, True, False, False, source="m.x")
    assert validations(wire) == []


def test_describe_constraint() -> None:
    schema = {"type": "string", "maxLength": 9, "pattern": "^a"}
    assert describe_constraint(variable(schema, rule="must be short")) == "must be short"
    generated = "must be at most 9 characters long; must match the pattern ^a"
    assert describe_constraint(variable(schema)) == generated
    assert describe_constraint(variable({"type": "boolean"})) == ""


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "string", "format": "ipv4"}, "format cannot be translated"),
        ({"type": "number", "exclusiveMinimum": 1}, "exclusiveMinimum cannot be translated"),
        ({"type": "array", "items": {"type": "string", "if": {}}}, "if cannot be translated"),
        ({"type": "string", "pattern": "^(?!a)"}, "neither look-around"),
        ({"type": "string", "pattern": "(?<=a)b"}, "neither look-around"),
        ({"type": "string", "pattern": r"(a)\1"}, "nor back references"),
        ({"type": "string", "anyOf": [{"enum": ["a"]}, {"type": "string"}]}, "allows every value"),
    ],
)
def test_validations_refuse_schema(schema: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        validations(variable(schema))


def test_validations_escaped_backslash() -> None:
    assert validations(variable({"type": "string", "pattern": r"\\1"}))


VALUES: dict[str, list[Any]] = {
    "string": [
        "",
        "a",
        "b",
        "p_",
        "10.",
        "10.1",
        "123",
        "1234567890",
        "é" * 9,
        '1 "%\\',
        '1 "%%\\',
        "\n",
    ],
    "integer": [-1, 0, 1, 2, 3, 4, 5, 7, 9, 12, 31, 32, 62, 713, 731, 744],
    "number": [-1, 0, 0.25, 0.5, 1, 3, 3.5, 4.5],
    "boolean": [True, False],
    "array": [
        [],
        ["a"],
        ["b"],
        ["a", "b"],
        ["c"],
        ["a", "c"],
        [1],
        [3],
        [3.5, 9],
        [[1], [3]],
        [[]],
    ],
    "object": [
        {},
        {"a": "x"},
        {"b": "xyz"},
        {"b": "long", "c": "y"},
        {"b": "x", "c": "y", "d": "z"},
        {"a": {"cidr": "10.0"}},
        {"a": {"cidr": "11.0"}},
        {"a": {"cidr": "10.0", "size": 0}},
        {"a": {"cidr": "10.0", "size": 1}, "b": {"cidr": ""}},
    ],
}


@pytest.mark.terraform
def test_terraform_agrees_with_json_schema(tmp_path: Path) -> None:
    expected, declared = set(), {}
    schemas = [schema for schema, _, _ in CASES]
    schemas.append({"type": "object", "properties": {"a": {"type": "string", "maxLength": 1}}})
    for number, schema in enumerate(schemas):
        validator = jsonschema_rs.Draft202012Validator(schema)
        shape = jsonschema_rs.Draft202012Validator(shape_of(schema))
        for index, value in enumerate(VALUES[schema["type"]]):
            if not shape.is_valid(value):
                continue
            name = f"v{number}_{index}"
            rules = validations(variable({**schema, "default": value}, name=name))
            blocks = "".join(
                f"validation {{\n{attributes({'condition': c, 'error_message': m}, 2)}\n}}\n"
                for c, m in rules
            )
            head = {"type": type_constraint(schema), "default": value}
            declared[name] = f'variable "{name}" {{\n{attributes(head, 2)}\n{blocks}}}\n'
            if not validator.is_valid(value):
                expected.add(name)
    assert len(expected) > 50
    assert len(declared) - len(expected) > 50
    (tmp_path / "main.tf").write_text("".join(declared.values()), encoding="utf-8")
    assert refused(tmp_path) == expected


@pytest.mark.terraform
def test_terraform_accepts_defaults(tmp_path: Path) -> None:
    registry = Registry(ROOT)
    declared = []
    for module in registry.names:
        for given in registry.current(module).inputs:
            values = [given.default, *given.schema.get("examples", [])]
            for index, value in enumerate(values if not given.required else values[1:]):
                schema = {**given.schema, "default": value}
                name = f"{module}_{given.name}_{index}"
                rules = validations(variable(schema, given.rule, name))
                blocks = "".join(
                    f"validation {{\n{attributes({'condition': c, 'error_message': m}, 2)}\n}}\n"
                    for c, m in rules
                )
                head = {"type": type_constraint(schema), "default": value}
                declared.append(f'variable "{name}" {{\n{attributes(head, 2)}\n{blocks}}}\n')
    (tmp_path / "main.tf").write_text("".join(declared), encoding="utf-8")
    assert len(declared) > 30
    assert refused(tmp_path) == set()


def refused(folder: Path) -> set[str]:
    """The variables that Terraform refuses, each by the name that its message begins with."""
    done = subprocess.run(
        [find_terraform().path, "plan", "-json"],
        cwd=folder,
        env=isolated_environ(),
        capture_output=True,
        text=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    found = [line["diagnostic"] for line in lines if line["type"] == "diagnostic"]
    assert {d["summary"] for d in found} <= {"Invalid value for variable"}, found
    assert (done.returncode == 1) == bool(found), done.stdout
    return {d["detail"].split()[0].rstrip(":") for d in found}


def shape_of(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without all that is not its shape: what a Terraform type can hold."""
    kept = {"type", "uniqueItems", "required"}
    shape = {key: value for key, value in schema.items() if key in kept}
    if "items" in schema:
        shape["items"] = shape_of(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        shape["additionalProperties"] = shape_of(schema["additionalProperties"])
    elif schema.get("type") == "object":
        shape["additionalProperties"] = False
    if "properties" in schema:
        shape["properties"] = {k: shape_of(v) for k, v in schema["properties"].items()}
    return shape
