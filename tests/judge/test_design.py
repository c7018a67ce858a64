"""The design profile: its file, and what it refuses that no other scenario names."""

from __future__ import annotations

import gzip
import json
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import ROOT

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

import design_judge
import design_policies
import design_profile
import design_values
import sources
from stack_graph import UNKNOWN, Stack

PROFILE = ROOT / "features" / "design.yaml"
MODULES = sorted(path.name for path in (ROOT / "templates" / "modules").iterdir())


def test_read_agrees_with_yaml() -> None:
    def texts(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(name): texts(part) for name, part in value.items()}
        return str(value)

    text = PROFILE.read_text()
    assert design_profile.read(text) == texts(yaml.safe_load(text))


def test_read_refuses_other_yaml() -> None:
    with pytest.raises(ValueError, match=r"^design\.yaml:2: invalid profile"):
        design_profile.read("a:\n  - b\n")


@pytest.mark.parametrize(
    ("type_", "argument", "default", "other", "control"),
    [
        ("aws_cloudwatch_metric_alarm", "actions_enabled", True, False, "F09"),
        ("aws_cloudwatch_event_rule", "state", None, "DISABLED", "F09"),
        ("aws_db_event_subscription", "enabled", True, False, "F09"),
        ("aws_kms_key", "is_enabled", True, False, "B08"),
        ("aws_nat_gateway", "connectivity_type", "public", "private", "F01"),
        ("aws_subnet", "map_public_ip_on_launch", False, True, "B02"),
    ],
)
def test_default_that_somebody_changed_in_aws_fails(
    type_: str, argument: str, default: object, other: object, control: str
) -> None:
    """No configuration sets these, so the plan of what runs shows them in the values only."""
    sample = ROOT / "docs" / "evidence" / "samples" / "plan.json.gz"
    plan = json.loads(gzip.decompress(sample.read_bytes()))
    before = set(design_judge.judged(Stack(plan))[0])
    [values, *_] = [
        resource["values"]
        for module in plan["planned_values"]["root_module"]["child_modules"]
        for resource in module["resources"]
        if resource["type"] == type_
        and resource["mode"] == "managed"
        and resource["values"].get(argument) == default
    ]
    values[argument] = other
    found = {d for d in design_judge.judged(Stack(plan))[0] if d not in before}
    assert {deviation.control for deviation in found} == {control}
    assert all(f"{argument} is " in deviation.text for deviation in found)


@pytest.mark.parametrize(
    ("prefix", "deviates"),
    [("ledger-production/database/initial-", False), ("", False), ("other-", True), (None, True)],
)
def test_first_secret_of_an_older_release_has_a_name_without_a_prefix(
    prefix: str | None, deviates: bool
) -> None:
    """Database 3.0.0 keeps the secret that an older release made with a name."""
    sample = ROOT / "docs" / "evidence" / "samples" / "plan.json.gz"
    plan = json.loads(gzip.decompress(sample.read_bytes()))
    before = set(design_judge.judged(Stack(plan))[0])
    [values] = [
        resource["values"]
        for module in plan["planned_values"]["root_module"]["child_modules"]
        for resource in module["resources"]
        if resource["address"] == "module.database.aws_secretsmanager_secret.initial"
    ]
    values["name_prefix"] = prefix
    found = {deviation.control for deviation in set(design_judge.judged(Stack(plan))[0]) - before}
    assert found == ({"D01"} if deviates else set())


def test_design_covers_every_module() -> None:
    assert sorted(design_profile.design().modules) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_every_rule_names_a_control(module: str) -> None:
    profile = design_profile.design()
    known = {
        entry["id"] for entry in yaml.safe_load((PROFILE.parent / "failures.yaml").read_text())
    }
    contract = yaml.safe_load((ROOT / f"templates/modules/{module}/contract.yaml").read_text())
    versions = "1.0.0", contract["version"]
    for identity in profile.identities(module):
        entries = [entry for v in versions if (entry := profile.entry(module, identity, v))]
        assert entries
        for rule in chain.from_iterable((e.instances, *e.arguments.values()) for e in entries):
            assert rule.control in known or rule.control.startswith("B")


def test_rules_of_a_version(tmp_path: Path) -> None:
    path = tmp_path / "design.yaml"
    path.write_text(
        "exports:\n  aws_s3_bucket.main:\n    instances: D01 none\n"
        "    instances since 1.2.0: D01 one\n    bucket: D01 text\n"
        "    bucket since 1.10.0: D01 is x\n"
    )
    profile = design_profile.with_additions((("exports", path),))

    def bucket(version: str) -> str | None:
        entry = profile.entry("exports", "aws_s3_bucket.main", version)
        return entry.arguments["bucket"].text if entry else None

    assert bucket("1.1.9") is None
    assert bucket("1.9.0") == "text"
    assert bucket("1.10.0") == bucket("2.0.0") == "is x"


def test_addition_of_a_version_keeps_rules_of_every_module(tmp_path: Path) -> None:
    path = tmp_path / "design.yaml"
    path.write_text(
        "exports:\n  aws_cloudwatch_log_group.main:\n    retention_in_days since 1.0.0: D01 free\n"
    )
    profile = design_profile.with_additions((("exports", path),))
    entry = profile.entry("exports", "aws_cloudwatch_log_group.main", "1.0.0")
    assert entry
    assert entry.arguments["retention_in_days"] == design_profile.Rule("B07", "365 to 3653")


def test_addition_adds_its_module(tmp_path: Path) -> None:
    path = tmp_path / "design.yaml"
    path.write_text("exports:\n  aws_s3_bucket.main:\n    bucket: D01 text\n")
    profile = design_profile.with_additions((("exports", path),))
    assert profile.problems == []
    assert profile.entry("exports", "aws_s3_bucket.main", "1.0.0")
    assert profile.entry("exports", "aws_s3_bucket.other", "1.0.0") is None


@pytest.mark.parametrize(
    "text",
    [
        "network:\n  aws_route.more:\n    route_table_id: F10 free\n",
        "types:\n  aws_route: D01\n",
        "policies:\n  key:\n    all: Allow * to kms:* on *\n",
    ],
)
def test_addition_cannot_loosen_the_design(tmp_path: Path, text: str) -> None:
    path = tmp_path / "design.yaml"
    path.write_text(text)
    profile = design_profile.with_additions((("exports", path),))
    assert len(profile.problems) == 1
    assert profile.entry("network", "aws_route.more", "1.0.0") is None
    assert profile.policies["key"] == design_profile.design().policies["key"]


@pytest.mark.parametrize("name", ["allowed", "lent", "types", "parameters", "every module"])
def test_addition_cannot_be_named_like_a_section(tmp_path: Path, name: str) -> None:
    path = tmp_path / "design.yaml"
    path.write_text(f"{name}:\n  aws_kms_grant.x:\n    key_id: D01 free\n")
    profile = design_profile.with_additions(((name, path),))
    assert profile.problems == [f"{path}: {name} is a section of the design; rename the module"]
    assert profile.allowed == design_profile.design().allowed
    assert profile.lent == design_profile.design().lent


def test_addition_reports_an_invalid_profile(tmp_path: Path) -> None:
    path = tmp_path / "design.yaml"
    path.write_text("exports:\n<<<<<<< HEAD\n")
    (problem,) = design_profile.with_additions((("exports", path),)).problems
    assert problem.startswith(f"{path}:2: invalid profile: '<<<<<<< HEAD' is not")


def test_addition_keeps_rules_of_every_module(tmp_path: Path) -> None:
    path = tmp_path / "design.yaml"
    path.write_text("exports:\n  aws_cloudwatch_log_group.main:\n    retention_in_days: D01 free\n")
    entry = design_profile.with_additions((("exports", path),)).entry(
        "exports", "aws_cloudwatch_log_group.main", "1.0.0"
    )
    assert entry
    assert entry.arguments["retention_in_days"] == design_profile.Rule("B07", "365 to 3653")


def stack(tmp_path: Path, code: str) -> sources.Sources:
    (tmp_path / "main.tf").write_text(
        'module "m" {\n  source = "./m"\n  host = aws_x.y.address\n}\n'
    )
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "main.tf").write_text(code)
    return sources.Sources(tmp_path)


def test_way_leads_through_modules_with_keys(tmp_path: Path) -> None:
    files = stack(tmp_path, 'output "o" {\n  value = upper(var.host)\n}\n')
    assert [*files.way((), "module.m [ 0 ] . o")][1:] == ["upper ( var.host )", "aws_x.y.address"]
    assert files.end((), "module.m.o") == (("m",), "upper ( var.host )")


def test_hidden_files_are_not_read(tmp_path: Path) -> None:
    files = stack(tmp_path, "locals {\n  a = 1\n}\n")
    (tmp_path / "m" / ".a.tf").write_text("locals {\n  a = 2\n}\n")
    assert files.expression(("m",), "local.a") == "1"


def test_ignored_changes(tmp_path: Path) -> None:
    lifecycle = "lifecycle {\n    ignore_changes = [\n      x, # why\n      y.z,\n    ]\n  }"
    code = f'resource "a" "b" {{\n  {lifecycle}\n}}\n'
    assert stack(tmp_path, code).lifecycle(("m",), "a.b", "ignore_changes") == ["x", "y.z"]


def test_override_file_changes_what_is_read(tmp_path: Path) -> None:
    base = """
locals {
  a = 1
  b = 2
}
resource "a" "b" {
  c = 1
  d = 2
  e {
    f = 1
  }
  lifecycle {
    create_before_destroy = true
  }
}
"""
    files = stack(tmp_path, base)
    (tmp_path / "m" / "aa_override.tf").write_text(
        "locals {\n  b = 3\n}\n"
        'resource "a" "b" {\n  c = 9\n  e {\n    f = 9\n  }\n'
        "  lifecycle {\n    ignore_changes = [c]\n  }\n}\n"
    )
    block = files.resource(("m",), "a.b")
    assert block
    assert block.arguments == {"c": "9", "d": "2"}
    assert [inner.arguments for inner in block.of("e")] == [{"f": "9"}]
    assert files.lifecycle(("m",), "a.b", "ignore_changes") == ["c"]
    assert [files.expression(("m",), f"local.{name}") for name in "ab"] == ["1", "3"]


def test_files_that_are_not_read_are_named(tmp_path: Path) -> None:
    files = stack(tmp_path, "")
    for name in ("more.tf.json", "main.tofu", ".main.tofu"):
        (tmp_path / "m" / name).write_text("{}")
    assert (files.unread(("m",)), files.unread(())) == (["more.tf.json", "main.tofu"], [])


def test_place_of_an_address() -> None:
    address = 'module.replica["a.b"].aws_db_instance.replica[0]'
    assert design_judge._place(address) == (("replica",), "aws_db_instance.replica")


KMS = """
module.kms.aws_kms_key.database module.kms.aws_kms_key.secrets  F08
module.exports.aws_kms_key.database module.kms.aws_kms_key.database  F08
module.kms.aws_kms_key.database module.kms.aws_kms_key.old
module.kms.aws_kms_key.database aws_kms_key.database
"""


@pytest.mark.parametrize("line", KMS.strip().splitlines())
def test_move_between_resources_of_the_design(line: str) -> None:
    address, previous, *controls = line.split()
    call = {"source": "../../modules/kms/1.0.0", "module": {}}
    change = {"address": address, "previous_address": previous, "change": {}}
    plan = {
        "configuration": {"root_module": {"module_calls": {"kms": call}}},
        "planned_values": {"root_module": {}},
        "resource_changes": [change],
    }
    deviations = design_judge.judged(Stack(plan)).deviations
    assert [d.control for d in deviations if "moved" in d.text] == controls


@pytest.mark.parametrize(
    ("value", "unknown", "result"),
    [
        ({"a": [None, "b"]}, {"a": [True, False]}, {"a": [UNKNOWN, "b"]}),
        ({"a": None}, {"a": True}, {"a": UNKNOWN}),
        ({"a": 1}, {}, {"a": 1}),
    ],
)
def test_merged_values(value: Any, unknown: Any, result: Any) -> None:
    assert design_values.merged(value, unknown) == result


def test_decoded_policy_of_hcl() -> None:
    code = sources.normalised('jsonencode({\n  A = ["b", var.c] # d\n  "e:f" = true\n})')
    assert design_policies.decoded(code) == {"A": ["b", "var.c"], "e:f": True}
    assert design_policies.decoded("var.policy") is None


OFFLINE = {
    "access_key": "offline",
    "secret_key": "offline",
    "allowed_account_ids": None,
    "max_retries": 1,
    "skip_credentials_validation": True,
    "skip_metadata_api_check": True,
    "skip_region_validation": True,
    "skip_requesting_account_id": True,
}
FOREIGN = [{"secretsmanager": {"constant_value": "https://secrets.example"}}]
OWN = [{"secretsmanager": {"constant_value": "http://127.0.0.1:4711"}}]


def refused_arguments(stack: Stack) -> list[str]:
    deviations = design_judge.judged(stack).deviations
    return [
        d.text.removeprefix("provider aws: ").removesuffix(" is not of the design")
        for d in deviations
        if d.text.startswith("provider aws")
    ]


def provider(folder: Path | None = None, **arguments: Any) -> Stack:
    expressions = {
        name: value if isinstance(value, list) else {"constant_value": value}
        for name, value in arguments.items()
    }
    aws = {
        "name": "aws",
        "full_name": "registry.terraform.io/hashicorp/aws",
        "version_constraint": "5.100.0",
        "expressions": expressions,
    }
    plan = {
        "configuration": {"root_module": {}, "provider_config": {"aws": aws}},
        "planned_values": {"root_module": {}},
        "resource_changes": [],
    }
    return Stack(plan, folder) if folder else Stack(plan)


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        ({"region": "eu-west-1"}, []),
        (OFFLINE, []),
        ({**OFFLINE, "endpoints": OWN}, []),
        *(({name: "x"}, [name]) for name in ("endpoints", "token", "profile", "assume_role")),
        *(({name: value}, [name]) for name, value in OFFLINE.items() if value is not None),
        ({"shared_config_files": ["x"], "s3_use_path_style": True}, None),
        ({**OFFLINE, "endpoints": FOREIGN}, [*sorted({*OFFLINE, "endpoints"})]),
        ({**OFFLINE, "endpoints": [{"sts": OWN[0]["secretsmanager"]}]}, None),
        ({**OFFLINE, "access_key": "AKIAEXAMPLE"}, None),
        ({**OFFLINE, "custom_ca_bundle": "ca.pem"}, ["custom_ca_bundle"]),
        ({"endpoints": OWN}, ["endpoints"]),
    ],
)
def test_provider_sets_only_the_design(
    arguments: dict[str, Any], refused: list[str] | None
) -> None:
    names = refused_arguments(provider(**arguments))
    if refused is None:
        assert names
    else:
        assert names == [name for name in refused if name != "allowed_account_ids"]


@pytest.mark.parametrize(
    "line",
    [
        *(f'{name} = "offline"' for name in ("access_key", "secret_key", "token", "profile")),
        "skip_requesting_account_id = true",
        'shared_config_files = ["config"]',
        'endpoints {\n    secretsmanager = "http://127.0.0.1:4711"\n  }',
        'assume_role {\n    role_arn = "x"\n  }',
    ],
)
def test_provider_is_judged_in_the_hcl(tmp_path: Path, line: str) -> None:
    """The plan shows finbase's own values instead of those of the stack."""
    (tmp_path / "providers.tf").write_text(
        'provider "aws" {\n  region = local.region\n'
        f"  allowed_account_ids = [local.account_id]\n  {line}\n}}\n"
    )
    (name,) = refused_arguments(provider(tmp_path, **OFFLINE))
    assert name == line.split()[0]


@pytest.mark.parametrize("line", ["", "allowed_account_ids = null", "allowed_account_ids = []"])
def test_provider_is_bound_to_the_account(tmp_path: Path, line: str) -> None:
    text = f'provider "aws" {{\n  region = local.region\n  {line}\n}}\n'
    (tmp_path / "providers.tf").write_text(text)
    deviations = design_judge.judged(provider(tmp_path, **OFFLINE)).deviations
    (text,) = (d.text for d in deviations if "allowed_account_ids" in d.text)
    assert text.endswith("the design says: [local.account_id]")


BACKEND = (
    'bucket = "b"\n    key = "k"\n    region = "eu-west-1"\n    encrypt = true\n'
    '    kms_key_id = "alias/state"\n    use_lockfile = true'
)


def refused_backend(folder: Path, kind: str, text: str) -> list[str]:
    (folder / "backend.tf").write_text(f"terraform {{\n  backend {kind} {{\n    {text}\n  }}\n}}\n")
    deviations = design_judge.judged(provider(folder, region="x")).deviations
    return [d.text for d in deviations if d.text.startswith("backend")]


@pytest.mark.parametrize(
    "line",
    [
        *(f'{name} = "x"' for name in ("access_key", "profile", "dynamodb_table", "role_arn")),
        *(f"{name} = true" for name in ("skip_credentials_validation", "use_path_style")),
        'endpoints = {\n      s3 = "https://state.example"\n    }',
        'assume_role {\n      role_arn = "x"\n    }',
    ],
)
def test_backend_sets_only_the_design(tmp_path: Path, line: str) -> None:
    (text,) = refused_backend(tmp_path, '"s3"', f"{BACKEND}\n    {line}")
    assert text == f"backend: {line.split()[0]} is not of the design; remove it"


def test_backend_of_the_design(tmp_path: Path) -> None:
    assert refused_backend(tmp_path, '"s3"', BACKEND) == []
    assert refused_backend(tmp_path, '"http"', BACKEND) == ["backend http: the design says: s3"]
    (text,) = refused_backend(
        tmp_path, '"s3"', BACKEND.replace("encrypt = true", "encrypt = false")
    )
    assert text == "backend: encrypt is false; the design says: true"


@pytest.mark.parametrize("line", BACKEND.split("\n"))
def test_backend_sets_all_of_the_design(tmp_path: Path, line: str) -> None:
    name = line.split()[0]
    (text,) = refused_backend(tmp_path, '"s3"', BACKEND.replace(line, ""))
    assert text.startswith(f"backend: {name} is not set; the design says: ")


@pytest.mark.parametrize("value", ['""', "null", "local.key", '"${local.key}"'])
def test_backend_has_a_key(tmp_path: Path, value: str) -> None:
    (text,) = refused_backend(tmp_path, '"s3"', BACKEND.replace('"alias/state"', value))
    assert text == f"backend: kms_key_id is {value}; the design says: text"


def test_backend_and_provider_are_in_the_hcl(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('terraform {\n  required_version = "1"\n}\n')
    texts = [d.text for d in design_judge.judged(provider(tmp_path, region="x"))[0]]
    assert "backend: not set, so the state is a file; the design says: s3" in texts
    assert any("allowed_account_ids is not set" in text for text in texts)


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ('fileexists("${path.root}/../../README.md")', 1),
        ('file("${path.module}/../a")', 1),
        ("plantimestamp()", 1),
        ("terraform.workspace", 1),
        ('filebase64sha256("${path.module}/a/b.zip")', 0),
        ('"the file (no end)"', 0),
    ],
)
def test_functions_of_the_machine(tmp_path: Path, expression: str, count: int) -> None:
    (tmp_path / "main.tf").write_text(f"locals {{\n  a = {expression}\n}}\n")
    found = design_judge.judged(provider(tmp_path, region="x")).deviations
    assert sum("depends on the machine" in d.text for d in found) == count


KEPT = "terraform_data.keep_database_reports"
ARN = ["module.database_reports.arn", "module.database_reports"]
LIFECYCLE = "lifecycle {\n    prevent_destroy = true\n  }"


def keeping(
    folder: Path | None,
    *,
    protected: object = True,
    follows: tuple[str, ...] = (*ARN,),
    body: str = LIFECYCLE,
    **block: Any,
) -> design_judge.Judged:
    """Judge a stack with a resource that keeps a database; HCL is in a folder."""
    address = "module.database_reports.aws_db_instance.primary"
    of_type = {"mode": "managed", "type": "aws_db_instance", "name": "primary"}
    primary = {**of_type, "address": address, "values": {"deletion_protection": protected}}
    guard = {
        "address": KEPT,
        "mode": "managed",
        "type": "terraform_data",
        "name": "keep_database_reports",
        "expressions": {"triggers_replace": {"references": [*follows]}},
        **block,
    }
    call = {"source": "../../modules/database/3.2.0", "module": {}}
    root = {"resources": [guard] if follows else [], "module_calls": {"database_reports": call}}
    child = {"address": "module.database_reports", "resources": [primary]}
    plan = {
        "configuration": {"root_module": root},
        "planned_values": {"root_module": {"child_modules": [child]}},
        "resource_changes": [],
    }
    if folder:
        (folder / "main.tf").write_text(
            'resource "terraform_data" "keep_database_reports" {\n'
            f"  triggers_replace = {follows[0]}\n\n  {body}\n}}\n"
        )
    return design_judge.judged(Stack(plan, folder))


def kept(folder: Path | None, **given: Any) -> list[str]:
    """Return what the design says of the resource that keeps a database."""
    found = [d for d in keeping(folder, **given).deviations if d.text.startswith(KEPT)]
    assert {d.control for d in found} <= {"B04"}
    return [d.text.removeprefix(f"{KEPT}: ") for d in found]


def test_protected_database_is_kept(tmp_path: Path) -> None:
    assert kept(None) == kept(tmp_path) == []
    (text,) = keeping(tmp_path).guards
    assert text.endswith("; prevent_destroy is true")
    assert kept(None, protected=False) == kept(None, protected=False, follows=()) == []
    assert kept(tmp_path, protected=False, body=LIFECYCLE.replace("true", "false")) == []
    (text,) = kept(None, follows=())
    assert text.startswith("missing; module.database_reports has deletion protection")


@pytest.mark.parametrize(
    ("changed", "needs_hcl"),
    [
        ({"follows": ("module.database.arn", "module.database")}, False),
        ({"follows": ("module.database_reports.identifier", "module.database_reports")}, False),
        ({"count_expression": {"constant_value": 0}}, False),
        ({"expressions": {}}, False),
        ({"body": ""}, True),
        ({"body": LIFECYCLE.replace("true", "false")}, True),
        ({"body": LIFECYCLE.replace("true", "var.kept")}, True),
        ({"body": LIFECYCLE.replace("true", "true\n    ignore_changes = all")}, True),
        ({"body": f"{LIFECYCLE}\n  input = 1"}, True),
    ],
)
def test_protected_database_is_kept_by_nothing_else(
    tmp_path: Path, changed: dict[str, Any], needs_hcl: bool
) -> None:
    """From the plan alone, only the resource and what it follows are seen."""
    (text,) = kept(tmp_path, **changed)
    assert text.startswith("must have ")
    assert bool(kept(None, **changed)) is not needs_hcl
