"""Test which release each kind of change requires, and the file and line of each reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, TypeAlias

import pytest

from finbase.contract.contract import Contract
from finbase.contract.version import version_range
from finbase.release.compatibility import Level, Reason, required, what_changed
from finbase.release.interface import ShippedModule, read_interface, read_shipped
from finbase.render.module import render_module
from tests.support.commands import ROOT

OLD, NEW = PurePosixPath("modules/x/1.0.0/main.tf"), PurePosixPath("modules/x/2.0.0/main.tf")
VARIABLES = NEW.with_name("variables.tf")

Source: TypeAlias = str | dict[str, Any]
"""The text of ``main.tf``, or parts of a contract, with that text as ``main``."""


def read(source: Source, path: PurePosixPath = NEW) -> ShippedModule:
    """Render a contract by the real shared templates and read it as it is shipped."""
    parts = {"main": source} if isinstance(source, str) else source
    document = {
        "name": "x",
        "version": path.parent.name,
        "summary": "s",
        "terraform": ">= 1.11.0",
        "providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5"}},
        **{key: value for key, value in parts.items() if key != "main"},
    }
    contract_path = ROOT / path.with_name("contract.yaml")
    contract = Contract.parse(json.dumps(document).encode(), contract_path)
    tree = render_module(contract, ROOT / "templates")
    del tree[path.with_name("versions.tf")]
    return read_shipped({**tree, path: parts.get("main", "").encode()})


def changed(before: Source, after: Source) -> list[Reason]:
    return list(what_changed(read(before, OLD), read(after, NEW)))


def breaks(before: Source, after: Source, *parts: str) -> Reason:
    """Return the one major reason; its text and ``file:line`` contain the parts."""
    (reason,) = [reason for reason in changed(before, after) if reason.level is Level.MAJOR]
    for part in parts:
        assert part in f"{reason.place}: {reason.what}"
    return reason


def level(before: Source, after: Source) -> Level:
    return required(changed(before, after))


def inputs(name: str = "a", /, **spec: Any) -> dict[str, Any]:
    return {"inputs": {name: {"type": "string", "description": "d", **spec}}}


def checked(*conditions: str, main: str = "") -> dict[str, Any]:
    checks = [{"input": "a", "condition": text, "message": "m"} for text in conditions]
    return {**inputs(type="integer"), "checks": checks, "main": main}


def wires(source: str, **spec: Any) -> dict[str, Any]:
    return {"wiring": {"a": {"type": "string", "description": "d", "from": source, **spec}}}


def outputs(name: str = "o", /, **spec: Any) -> dict[str, Any]:
    return {"outputs": {name: {"description": "d", "value": "1", **spec}}}


def resource(inside: str, kind: str = "aws_db_instance", name: str = "a") -> str:
    return f'resource "{kind}" "{name}" {{\n  {inside}\n}}\n'


def moved(old: str, new: str) -> str:
    return f"moved {{\n  from = {old}\n  to   = {new}\n}}\n"


def test_input_removed() -> None:
    reason = breaks(inputs(default="1"), {}, "modules/x/1.0.0/variables.tf:5", "input a is removed")
    assert reason.todo == "no longer set a"


def test_input_renamed_is_reported_once() -> None:
    before, after = (
        {
            **inputs(name, type="integer"),
            "checks": [{"input": name, "condition": f"var.{name} > 1", "message": "m"}],
        }
        for name in "ab"
    )
    (reason,) = changed(before, after)
    assert reason.what == "input a is renamed to b"
    assert reason.todo == "set b instead of a"
    assert reason.place.path == OLD.with_name("variables.tf")
    other = {**after, "checks": []}
    assert [r.what for r in changed(before, other)][1] == "input b is new and has no default"


def test_input_made_required() -> None:
    optional, needed = inputs(default="1"), inputs()
    breaks(optional, needed, f"{VARIABLES}:5", "no longer has a default")
    breaks(inputs(default=None), needed, "no longer has a default; it was null")
    breaks({}, needed, f"{VARIABLES}:5", "input a is new and has no default")
    assert level({}, inputs(default=None)) is Level.MINOR
    assert level(needed, optional) is Level.MINOR
    assert level(needed, inputs(default=None)) is Level.MINOR


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("integer", 1, 2),
        ("string", None, "null"),
        ("number", 1, 1.0),
        ("integer", None, 0),
        ("integer", 1, None),
        ("array", [1], [1, 2]),
    ],
)
def test_default_changed(kind: str, before: Any, after: Any) -> None:
    rest = {"type": kind} | ({"items": {"type": "integer"}} if kind == "array" else {})
    reason = breaks(
        inputs(default=before, **rest),
        inputs(default=after, **rest),
        f"{VARIABLES}:5",
        f"another default: {json.dumps(after)} instead of {json.dumps(before)}",
    )
    assert reason.todo == f"set a = {json.dumps(before)} to keep the old value"


def test_default_in_other_order() -> None:
    before, after = ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    kind = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert changed(inputs(default=before, **kind), inputs(default=after, **kind)) == []


TEXT, NUMBER, BOOL = ({"type": kind} for kind in ("string", "number", "boolean"))


def array(items: Any, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


def mapping(values: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


def members(*required: str, **properties: Any) -> dict[str, Any]:
    rest = {"required": [*required], "additionalProperties": False}
    return {"type": "object", "properties": properties, **rest}


NARROWER_TYPES = [
    (TEXT, NUMBER),
    (NUMBER, TEXT),
    (BOOL, TEXT),
    (NUMBER, {"type": "integer"}),
    (array(TEXT), array(TEXT, uniqueItems=True)),
    (array(TEXT, uniqueItems=True), array(TEXT)),
    (array(TEXT), array(NUMBER)),
    (mapping(TEXT), members("a", a=TEXT)),
    (members("a", a=TEXT), mapping(TEXT)),
    (members("a", a=TEXT, b=TEXT), members("a", a=TEXT)),
    (members("a", a=TEXT), members("a", "b", a=TEXT, b=TEXT)),
    (members(a=TEXT), members("a", a=TEXT)),
    (members("a", a=array(members("b", b=TEXT))), members("a", a=array(members("c", c=TEXT)))),
    (mapping(members(a=NUMBER)), mapping(members("a", a=NUMBER))),
    (members(a={**TEXT, "default": "x"}), members(a={**TEXT, "default": "y"})),
    (members(a=TEXT), members(a={**TEXT, "default": "y"})),
]


@pytest.mark.parametrize(("before", "after"), NARROWER_TYPES)
def test_type_narrower(before: dict[str, Any], after: dict[str, Any]) -> None:
    breaks(inputs(**before), inputs(**after), f"{VARIABLES}:5: input a accepts less")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"type": "integer"}, NUMBER),
        (members("a", a=TEXT), members(a=TEXT)),
        (members("a", a=TEXT), members("a", a=TEXT, b=TEXT)),
        (mapping(members("a", a=NUMBER)), mapping(members(a={**NUMBER, "default": 1}))),
    ],
)
def test_type_wider(before: dict[str, Any], after: dict[str, Any]) -> None:
    reasons = changed(inputs(**before), inputs(**after))
    assert [(reason.level, reason.what.partition(":")[0]) for reason in reasons] == [
        (Level.MINOR, "input a accepts more")
    ]


def test_type_in_other_order() -> None:
    before, after = members("a", a=TEXT, b=NUMBER), members("a", b=NUMBER, a=TEXT)
    assert changed(inputs(**before), inputs(**after)) == []


def test_ephemeral_values_no_longer_accepted() -> None:
    before, after = inputs(ephemeral=True), inputs()
    breaks(before, after, "no longer accepts ephemeral values")
    assert changed(after, before) == []


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("integer", {"minimum": 1}, {"minimum": 2}),
        ("integer", {"minimum": 1}, {"minimum": 1, "maximum": 9}),
        ("integer", {"enum": [1, 2]}, {"enum": [1]}),
        ("integer", {"not": {"enum": [1]}}, {"not": {"enum": [1, 2]}}),
        ("string", {"pattern": "^a+$"}, {"pattern": "^a$"}),
        ("integer", {"anyOf": [{"minimum": 9}, {"enum": [1]}]}, {"minimum": 9}),
        ("integer", {}, {"minimum": 1}),
        ("integer", {"default": None, "minimum": 1}, {"default": None, "minimum": 2}),
    ],
)
def test_schema_narrower(kind: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    old, new = inputs(type=kind, **before), inputs(type=kind, **after)
    breaks(old, new, f"{VARIABLES}:5: input a accepts less")
    reasons = changed(new, old)
    widened = before != {"pattern": "^a+$"}
    assert reasons[0].level is (Level.MINOR if widened else Level.MAJOR)


def test_schema_in_other_order() -> None:
    one, other = inputs(type="integer", enum=[1, 2]), inputs(type="integer", enum=[2, 1])
    assert changed(one, other) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("var.a >= 1", "var.a >= 2"),
        ("var.a >= 1", "var.a >= 1 && var.a <= 9"),
        ("contains([1, 2], var.a)", "contains([1], var.a)"),
        ("!contains([1], var.a)", "!contains([1, 2], var.a)"),
        ('can(regex("^a+$", var.a))', 'can(regex("^a$", var.a))'),
        ("var.a == null ? true : var.a >= 1", "var.a == null ? true : var.a >= 2"),
        ("var.a == null ? true : var.a >= 1", "var.a >= 1"),
        ("p(var.a) || q(var.a)", "p(var.a)"),
        ("true", "alltrue([for x in var.a : x >= 2])"),
        ("alltrue([for x in var.a : x >= 1])", "alltrue([for x in var.a : x >= 2])"),
        ("f(g(var.a, 1))", "f(g(var.a, 2))"),
        ("var.a >= 1 && p", "p && var.a >= 1"),
    ],
)
def test_check_changed(before: str, after: str) -> None:
    breaks(checked(before), checked(after), "variables.tf:5: input a has a new or changed check")


def test_check_added_or_removed() -> None:
    breaks(checked(), checked("var.a >= 1"), "new or changed check: var.a >= 1")
    breaks(checked("p"), checked("p", "q"), "new or changed check: q")
    (reason,) = changed(checked("var.a >= 1"), checked())
    assert (reason.level, reason.what) == (Level.MINOR, "input a has fewer checks")


def test_check_only_laid_out_differently() -> None:
    before, after = checked("alltrue([p, q])"), checked("alltrue([ # why\n  p,\n  q,\n])")
    assert changed(before, after) == []
    assert changed(checked("p", "q"), checked("q", "p")) == []


def test_check_with_a_local_that_changed() -> None:
    few, many, more = (
        checked("contains(local.all, var.a)", *others, main=f"locals {{\n  all = {values}\n}}\n")
        for values, others in (("[1]", ()), ("[1, 2]", ()), ("[1, 2]", ("p",)))
    )
    breaks(many, few, "new or changed check: contains(([1]), var.a)")
    breaks(few, many, "new or changed check")
    breaks(more, few, "new or changed check")


def test_input_rendered_differently() -> None:
    """A change of the renderer is found although the contract is unchanged."""
    before = read(inputs(type="integer", minimum=1), OLD)
    tree = {VARIABLES.with_name("contract.yaml"): before.contract.source}
    for rendered in (
        "type = number\n  nullable = false",
        "type = string\n  nullable = false\n  validation {\n    condition = var.a >= 1\n  }",
        "type = number\n  nullable = false\n  validation {\n    condition = var.a >= 2\n  }",
    ):
        text = f'variable "a" {{\n  {rendered}\n}}\n'
        reasons = what_changed(before, read_shipped({**tree, VARIABLES: text.encode()}))
        dropped = "validation" not in rendered
        assert any("is rendered differently" in r.what for r in reasons) is not dropped


@pytest.mark.parametrize("text", ['variable "b" {}', 'output "b" {\n  value = 1\n}'])
def test_declaration_outside_the_contract(text: str) -> None:
    with pytest.raises(ValueError, match=r"main\.tf:1: \w+ b is not declared in contract\.yaml"):
        read(text)


def test_wire_from_another_source() -> None:
    breaks(wires("kms.x"), wires("kms.y"), "gets its value from kms.y instead of kms.x")
    breaks(inputs(), wires("kms.x"), "gets its value from kms.x instead of the environment file")
    assert changed(wires("kms.x"), wires("kms.x")) == []


def test_multiplicity_changed() -> None:
    breaks({}, {"multiplicity": "many"}, "contract.yaml:1: multiplicity is many instead of one")
    assert level({}, {"multiplicity": "optional"}) is Level.MINOR


def test_place_changed() -> None:
    breaks({}, {"in_place_of": "network"}, "it stands in the place of another module")


def test_long_text_is_cut() -> None:
    before, after = (inputs(default=letter * 500) for letter in "ab")
    assert len(breaks(before, after).what) < 400


def test_output_removed_renamed_or_hidden() -> None:
    shown = outputs()
    breaks(shown, {}, "modules/x/1.0.0/outputs.tf:3", "output o is removed")
    assert breaks(shown, outputs("p"), "output o is renamed to p").todo
    breaks(shown, outputs(sensitive=True), "2.0.0/outputs.tf:3", "sensitive now")
    breaks(shown, outputs(ephemeral=True), "ephemeral now")
    assert changed(outputs(sensitive=True), shown) == []
    assert level({}, shown) is Level.MINOR


def test_resource_removed() -> None:
    found = breaks(
        resource("engine = 1"),
        "",
        "1.0.0/main.tf:1",
        "aws_db_instance.a is removed",
        "the database",
    )
    assert found.todo
    breaks(resource("", name="a"), resource("", name="b"), "aws_db_instance.a is removed")
    assert level("", resource("")) is Level.MINOR


def test_resource_forgotten() -> None:
    kept = "removed {\n  from = aws_db_instance.a\n  lifecycle {\n    destroy = false\n  }\n}\n"
    breaks(resource(""), kept, "aws_db_instance.a is no longer managed: it stays in AWS")
    destroyed = kept.replace("false", "true")
    breaks(resource(""), destroyed, "aws_db_instance.a is removed", "the database")


def test_resource_moved() -> None:
    def module(name: str) -> str:
        key = resource('description = "d"', "aws_kms_key", name)
        return key + resource(f"kms_key_id = aws_kms_key.{name}.arn")

    moves = moved("aws_kms_key.a", "aws_kms_key.b") + moved("aws_kms_key.b", "aws_kms_key.c")
    (found,) = changed(module("a"), module("c") + moves)
    assert (found.level, found.what) == (Level.MINOR, "aws_kms_key.a is moved to aws_kms_key.c")
    assert changed(module("c") + moves, module("c") + moves) == []


@pytest.mark.parametrize(
    "moves",
    [
        moved("aws_db_instance.a", "aws_db_instance.gone"),
        moved("aws_db_instance.other", "aws_db_instance.b"),
        moved("aws_db_instance.a", "aws_db_instance.c")
        + moved("aws_db_instance.c", "aws_db_instance.a"),
        moved("aws_db_instance.a", "aws_db_instance.a"),
        moved("aws_db_instance.a", "aws_rds_cluster.b"),
    ],
)
def test_moves_to_nowhere(moves: str) -> None:
    after = resource("", name="b") + resource("", "aws_rds_cluster", "b") + moves
    breaks(resource(""), after, "aws_db_instance.a is removed")


def test_moved_block_removed() -> None:
    before = resource("", name="b") + moved("aws_db_instance.a", "aws_db_instance.b")
    breaks(before, resource("", name="b"), "1.0.0/main.tf:1", "no longer has a moved block")
    on = resource("", name="c") + moved("aws_db_instance.a", "aws_db_instance.c")
    assert level(before, on + moved("aws_db_instance.b", "aws_db_instance.c")) is Level.MINOR


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "count = 1"),
        ("", "for_each = var.x"),
        ("count = 1", ""),
        ("count = 1", "for_each = var.x"),
        ("for_each = var.x", "for_each = var.y"),
        ("for_each = local.x", "for_each = local.y"),
    ],
)
def test_instances_with_other_keys(before: str, after: str) -> None:
    values = "locals {\n x = var.x\n y = var.y\n}\n"
    breaks(resource(before) + values, resource(after) + values, "2.0.0/main.tf:", "other keys")


def test_instances_with_the_same_keys() -> None:
    local = "locals {\n x = var.x\n}\n"
    assert changed(resource("for_each = var.x"), resource("for_each = local.x") + local) == []


def test_instance_moved_to_a_key() -> None:
    after = resource('for_each = var.x\n  engine = "x"') + moved(
        "aws_db_instance.a", 'aws_db_instance.a["primary"]'
    )
    breaks(resource('engine = "x"'), after, "the instances of aws_db_instance.a may get other keys")


def test_instance_moved() -> None:
    before = resource('engine = "x"\n  count = 1')
    after = resource('engine = "x"', name="b") + moved("aws_db_instance.a[0]", "aws_db_instance.b")
    breaks(before, after, "the instances of aws_db_instance.a may get other keys")


@pytest.mark.parametrize(
    ("kind", "before", "after", "line"),
    [
        ("aws_db_instance", "engine = 1", "engine = 2", 2),
        ("aws_db_instance", "engine = 1", "", 1),
        ("aws_db_instance", "db_name = <<E\na x\nE", "db_name = <<E\na\nx\nE", 2),
        ("aws_db_instance", "", "\n  snapshot_identifier = 1", 3),
        ("aws_db_instance", "s3_import {\n b = 1\n}", "s3_import {\n b = 2\n}", 3),
        ("aws_db_instance", "", "restore_to_point_in_time {\n b = 2\n}", 3),
        (
            "aws_db_instance",
            "",
            'dynamic "restore_to_point_in_time" {\n for_each = [1]\n content {}\n}',
            3,
        ),
        ("aws_elasticache_serverless_cache", 'name = "a"', 'name = "b"', 2),
        ("aws_kms_key", "", "multi_region = true", 2),
        ("aws_secretsmanager_secret", 'name = "a"', 'name_prefix = "a"', 0),
        ("aws_secretsmanager_secret_version", "secret_string_wo_version = 1", "", 1),
        ("aws_db_instance", "", "lifecycle {\n replace_triggered_by = [a.b]\n}", 3),
        ("aws_db_instance", "lifecycle {\n ignore_changes = [engine]\n}", "", 1),
        (
            "aws_db_instance",
            "lifecycle {\n ignore_changes = all\n}",
            "lifecycle {\n ignore_changes = [port]\n}",
            3,
        ),
    ],
)
def test_replacement_with_data_loss(kind: str, before: str, after: str, line: int) -> None:
    found = changed(resource(before, kind), resource(after, kind))
    assert found
    for each in found:
        assert each.level is Level.MAJOR
        assert "would be lost" in each.what
        assert not line or str(each.place) == f"{NEW}:{line}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("engine_version = 1", "engine_version = 2"),
        ("tags = {}", "tags = { engine = 1 }"),
        ("engine = 1", "# why\n  engine = 1"),
        ("", "timeouts {\n engine = 1\n}"),
        ("", "lifecycle {\n prevent_destroy = true\n}"),
        ("", "lifecycle {\n ignore_changes = [engine]\n}"),
        ("lifecycle {\n ignore_changes = [port]\n}", ""),
        ("lifecycle {\n ignore_changes = [engine]\n}", "lifecycle {\n ignore_changes = all\n}"),
        ("lifecycle {\n replace_triggered_by = [a.b]\n}", ""),
        ("", "engine = 1\n lifecycle {\n ignore_changes = [engine]\n}"),
        (
            "",
            'dynamic "restore_to_point_in_time" {\n for_each = [1]\n content {}\n}\n '
            "lifecycle {\n ignore_changes = [restore_to_point_in_time]\n}",
        ),
    ],
)
def test_change_without_replacement(before: str, after: str) -> None:
    assert changed(resource(before), resource(after)) == []
    assert changed(resource("name = 1", "aws_iam_role"), resource("name = 2", "aws_iam_role")) == []


def test_local_or_neighbour_changed() -> None:
    before, after = (
        f'locals {{\n  name = "{name}"\n}}\n' + resource('db_name = "x-${local.name}"')
        for name in "ab"
    )
    breaks(before, after, f"{NEW}:5", "gets another db_name")
    group = resource("name = aws_lambda_function.a.function_name", "aws_cloudwatch_log_group")
    before, after = (
        group + resource(f'function_name = "{name}"', "aws_lambda_function") for name in "ab"
    )
    whats = [each.what for each in changed(before, after)]
    assert any(what.startswith("aws_cloudwatch_log_group.a gets another name") for what in whats)


def test_value_moved_into_a_local() -> None:
    plain = resource('db_name = "x-${var.p}"\n  username = "u"')
    local = 'locals {\n  p = "x-${var.p}"\n  u = "u"\n}\n'
    assert changed(plain, local + resource("db_name = local.p\n  username = local.u")) == []


def precondition(condition: str) -> str:
    return resource(
        f'lifecycle {{\n precondition {{\n  condition = {condition}\n  error_message = ""\n }}\n}}'
    )


def test_precondition_changed() -> None:
    breaks(resource(""), precondition("var.x >= 1"), f"{NEW}:3", "a precondition is new or changed")
    breaks(precondition("var.x >= 1"), precondition("var.x >= 2"), "var.x >= 2")
    breaks(precondition("var.x >= 2"), precondition("var.x >= 1"), "var.x >= 1")
    assert changed(precondition("var.x >= 2"), precondition("var.x >= 2")) == []
    assert changed(precondition("var.x >= 2"), resource("")) == []


def test_precondition_of_an_output() -> None:
    interfaces = [
        read_interface({NEW: f'output "o" {{\n  value = 1\n{inside}}}\n'.encode()})
        for inside in ("", ' precondition {\n  condition = p\n  error_message = ""\n }\n')
    ]
    before, after = (replace(read(outputs()), interface=each) for each in interfaces)
    (reason,) = what_changed(before, after)
    assert (reason.level, reason.what) == (Level.MAJOR, "a precondition is new or changed: p")


@pytest.mark.parametrize("block", ["data", "ephemeral", "resource"])
def test_postcondition_is_found(block: str) -> None:
    def with_condition(text: str) -> str:
        condition = f'postcondition {{\n  condition = {text}\n  error_message = ""\n }}'
        return resource("") + f'{block} "aws_x" "a" {{\n lifecycle {{\n {condition}\n }}\n}}\n'

    before, after = with_condition("self.y"), with_condition("self.z")
    breaks(before, after, "a postcondition is new or changed: self.z")
    assert changed(after, after) == []


def needs(terraform: str, aws: str) -> str:
    return f"""terraform {{
  required_version = "{terraform}"
  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = "{aws}"
    }}
  }}
}}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (">= 1.9", ">= 1.10"),
        (">= 1.9", "> 1.9"),
        (">= 1.9", "~> 1.9"),
        (">= 1.9, < 3", ">= 1.9, < 2"),
        ("~> 5.0", "~> 5.1"),
        ("~> 5.0", "~> 5.0.0"),
        ("~> 5.0", "5.0.0"),
        ("<= 2.0.0", "< 2.0.0"),
        (">= 1.9", ">= 1.9, != 1.9.5"),
        ("", ">= 1.0"),
    ],
)
def test_requirements_narrower(before: str, after: str) -> None:
    breaks(needs(before, "1"), needs(after, "1"), f"{NEW}:2", "terraform ", after)
    breaks(needs("1", before), needs("1", after), f"{NEW}:4", "hashicorp/aws ", after)
    assert changed(needs(after, after), needs(before, before)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("~> 5", ">= 5, < 6"),
        ("5.0.0", "= 5.0"),
        (">= 1.9, < 2", "<2.0.0,>=1.9.0"),
        ("~>1.2.3", "~> 1.2.3"),
    ],
)
def test_requirements_equal(before: str, after: str) -> None:
    assert changed(needs(before, before), needs(after, after)) == []
    assert version_range(before) == version_range(after)


def test_provider_added() -> None:
    random = 'terraform {\n  required_providers {\n    r = {\n      source = "h/r"\n    }\n  }\n}'
    breaks("", random, f"{NEW}:3", "h/r is required")
    assert changed(random, "") == []


def test_what_changed_order() -> None:
    before = inputs(default="1") | outputs()
    after = inputs(default="2") | outputs("p")
    after["inputs"] |= inputs("b", default="1")["inputs"]
    found = changed(before, after)
    assert [each.level for each in found] == sorted((e.level for e in found), reverse=True)
    majors = [each.place for each in found if each.level is Level.MAJOR]
    assert majors == sorted(majors)
    assert required([]) is Level.PATCH
