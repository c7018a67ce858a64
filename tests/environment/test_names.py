"""What the resources of a stack are named: as the modules name them, and not twice."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finbase.environment.load import load
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.environment.names import NAMES, resource_names
from finbase.environment.rules import databases
from finbase.errors import InputError
from finbase.source.hcl_scan import scan
from tests.environment.test_second_database import OWN, two
from tests.support.sample import NEWEST, REGISTRY, ROOT, SAMPLE, write

KINDS = {
    "aws_db_instance": ("identifier", "instance"),
    "aws_db_subnet_group": ("name", "subnet group"),
    "aws_db_parameter_group": ("name", "parameter group"),
    "aws_db_event_subscription": ("name", "event subscription"),
    "aws_security_group": ("name", "security group"),
    "aws_iam_role": ("name", "role of IAM"),
    "aws_iam_policy": ("name", "policy of IAM"),
    "aws_lambda_function": ("function_name", "function"),
    "aws_secretsmanager_secret": ("name", "secret"),
    "aws_cloudwatch_log_group": ("name", "log group"),
    "aws_sns_topic": ("name", "topic"),
    "aws_cloudwatch_event_rule": ("name", "rule of EventBridge"),
    "aws_cloudwatch_dashboard": ("dashboard_name", "dashboard"),
    "aws_cloudwatch_metric_alarm": ("alarm_name", "alarm"),
    "aws_kms_alias": ("name", "alias of a key"),
    "aws_elasticache_serverless_cache": ("name", "cache"),
    "aws_elasticache_user": ("user_id", "user of the cache"),
    "aws_elasticache_user_group": ("user_group_id", "user group of the cache"),
}
INSIDE = {
    "aws_iam_role_policy": "a role has its own",
    "aws_cloudwatch_log_metric_filter": "a log group has its own",
}
"""Resources whose names AWS compares within another resource, whose name differs."""
OF_PART = ("${var.name}", "${var.database_identifier}", "var.name")


def of_module(module: str) -> set[tuple[str, str]]:
    """Return the kinds and names of a module, with * for what differs in a database."""
    found = set()
    for file in sorted((ROOT / "modules" / module / NEWEST[module]).glob("*.tf")):
        text = file.read_text()
        for block in scan(text).walk("resource"):
            type_, _ = block.labels
            written = {
                name: text[slice(*span)].partition("=")[2] for name, span in block.spans.items()
            }
            named = {"name", "name_prefix"} & written.keys()
            if type_ not in KINDS:
                assert not named or type_ in INSIDE, f"add {type_} of {file} to NAMES"
                continue
            argument, kind = KINDS[type_]
            name = written.get(argument, written.get("name_prefix", "")).strip().strip('"')
            for part in OF_PART:
                name = name.replace(part, "{name}")
            found.add((kind, re.sub(r"\$\{[^}]*\}|local\.identifier", "*", name)))
    return found


@pytest.mark.parametrize("module", [m for m in NEWEST if m != "existing_network"])
def test_names_are_those_of_the_modules(module: str) -> None:
    listed = {
        (kind, re.sub(r"\{(?!name)\w+\}", "*", pattern))
        for kind, modules in NAMES.items()
        for pattern in modules.get(module, "").split()
    }
    assert listed == of_module(module)


def loaded(project: Path, values: dict[str, Any]) -> Environment:
    return load(write(project, values), REGISTRY, project)


def problems(project: Path, values: dict[str, Any]) -> list[str]:
    """Return the code and message of each problem, such as a pair of equal names."""
    try:
        loaded(project, values)
    except InputError as error:
        return [f"{found.code} {found.message}" for found in error.diagnostics]
    return []


def with_clients(values: dict[str, Any], *names: str, of: str = "", **more: str) -> dict[str, Any]:
    """Add clients of the first database or of another one."""
    client = {"to": ["database"], "description": "Office", "reason": "It looks at the ledger"}
    access = values["modules"]["access"]
    place = access["instances"][of] if of else access
    place["clients"] = {name: {**client, **more} for name in names}
    return values


@pytest.mark.parametrize(
    ("key", "client", "of", "owner"),
    [
        ("client", "application", "", "the client `application`"),
        ("client", "database", "", "the client `database`"),
        ("client-a", "a-application", "", "the client `a-application`"),
        ("client-a", "a-rotation", "", "the client `a-rotation`"),
        ("client-a", "application", "", ""),
        ("client", "office", "", ""),
        ("a-client", "application", "a", "the client `application`"),
    ],
)
def test_groups_of_a_database_and_a_client(
    key: str, client: str, of: str, owner: str, project: Path
) -> None:
    values = two(key)
    if of:
        for module in ("database", "secret", "access", "monitoring"):
            instances = values["modules"][module]["instances"]
            values["modules"][module]["instances"] = {
                of: copy.deepcopy(instances[key]),
                **instances,
            }
    found = problems(project, with_clients(values, client, of=of))
    group = f"ledger-production-{of}{'-' if of else ''}client-{client}"
    text = f"FB248 the database `{key}` and {owner} would both have the security group {group}"
    assert found == [text] * bool(owner)


def test_client_without_a_group_of_its_own(project: Path) -> None:
    values = with_clients(two("client"), "application", cidr="10.80.0.0/16")
    assert problems(project, values) == []


def test_module_of_the_project_with_the_name_of_an_instance(project: Path) -> None:
    environment = loaded(project, two("a-b"))
    contract = replace(next(iter(environment.modules)).contract, name="secret_a_b")
    own = ModuleUse(contract, (Instance("", {}),))
    (found,) = databases.name(replace(environment, modules=(*environment.modules, own)))
    assert found.code == "FB248"
    text = "`secret_a_b` and `secret` of `a-b` would both have the module block secret_a_b"
    assert found.message == text


@pytest.mark.parametrize("module", ["replica", "database"])
def test_alarms_of_an_instance_and_a_role(module: str, project: Path) -> None:
    values = two("rotation-overdue") if module == "database" else copy.deepcopy(SAMPLE)
    if module == "replica":
        values["modules"]["replica"]["instances"] = {
            "rotation-overdue": {"instance_class": "db.r7g.large"}
        }
    roles = values["modules"]["roles"]["roles"]
    roles["reader"] = {**roles["app"], "kind": "read-only"}
    assert problems(project, values) == []
    roles["cpu"] = roles.pop("reader")
    (text,) = problems(project, values)
    assert text.startswith("FB248 ")
    assert "`rotation-overdue`" in text
    assert "the role `cpu`" in text
    assert text.endswith("would both have the alarm ledger-production-rotation-overdue-cpu")


def test_no_name_is_twice_in_a_stack_with_all_parts(project: Path) -> None:
    values = with_clients(two(roles={"roles": SAMPLE["modules"]["roles"]["roles"]}), "office")
    names = [(named.kind, named.name) for named in resource_names(loaded(project, values))]
    assert len(names) == len(set(names)) > 140
    assert {kind for kind, _ in names} == {"name", *NAMES}
    assert OWN["engine_version"] == "17"
    assert ("parameter group", "ledger-production-reports-postgres17") in names


def test_names_of_a_kind_start_alike_or_differently() -> None:
    """So stacks share a name only if the name of one starts with that of the other."""
    for kind, modules in NAMES.items():
        patterns = [pattern for named in modules.values() for pattern in named.split()]
        found = [re.fullmatch(r"([^{]*)\{(name|replica|instance)\}.*", p) for p in patterns]
        starts = {match[1] for match in found if match}
        assert all(found), kind
        assert not any(a != b and b.startswith(a) for a in starts for b in starts), kind
