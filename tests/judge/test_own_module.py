"""A module of the project itself, as planned: what it needs passes, what it hides fails."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from finbase.terraform.workspace import Workspace
from tests.fuzz.fast_judge import Judge
from tests.support.commands import ROOT

pytestmark = pytest.mark.terraform

WIRES = {
    "name": "local.name",
    "account_id": "local.account_id",
    "logs_key_arn": "module.kms.logs_key_arn",
    "topic_key_arn": "module.kms.notifications_key_arn",
    "group_id": "module.access.application_security_group_id",
    "subnet_ids": "module.network.private_subnet_ids",
    "topic_arn": "module.monitoring.topic_arn",
    "address": "module.database.address",
}
FREE = {
    "aws_autoscaling_group": ["launch_template.id"],
    "aws_ecs_service": ["network_configuration.assign_public_ip"],
    "aws_lambda_function": ["vpc_config.ipv6_allowed_for_dual_stack"],
}
"""Arguments that the provider sets and the code does not."""

FIXTURES = ROOT / "tests" / "fixtures" / "own_module"
USEFUL = (FIXTURES / "useful.tf").read_text()
HIDDEN = (FIXTURES / "hidden.tf").read_text()
"""Values that are unknown in a plan and lead elsewhere, or are known and written otherwise."""


def judged(project: Path, workspace: Workspace, code: str) -> dict[str, str]:
    """Return the message of each scenario that development fails with this module."""
    module = project / "modules" / "own" / "1.0.0"
    module.mkdir(parents=True)
    (module / "main.tf").write_text(code)
    variables = "".join(
        f'variable "{name}" {{\n  type = {"any" if name.endswith("ids") else "string"}\n}}\n'
        for name in WIRES
    )
    (module / "variables.tf").write_text(variables)
    (module / "design.yaml").write_text("own:\n" + "".join(profile(code)))
    stack = project / "environments" / "development"
    wires = "".join(f"  {name} = {value}\n" for name, value in WIRES.items())
    with (stack / "main.tf").open("a") as main:
        main.write(f'\nmodule "own" {{\n  source = "../../modules/own/1.0.0"\n{wires}}}\n')
    plan = json.loads(workspace.plan(stack, project=project))
    return Judge().messages(plan, stack=stack)


def profile(code: str) -> list[str]:
    """Return the lines of a profile that allows everything that the code writes."""
    lines: list[str] = []
    inner: list[str] = []
    for line in code.splitlines():
        if head := re.match(r'(resource|data) "(\w+)" "(\w+)"', line):
            data = "data " * (head[1] == "data")
            lines += [f"  {data}{head[2]}.{head[3]}:\n", "    instances: D01 any\n"]
            lines += [f"    {name}: D01 free\n" for name in FREE.get(head[2], [])]
        elif block := re.match(r" +(\w+) \{$", line):
            inner.append(block[1])
        elif inner and line.strip() == "}":
            inner.pop()
        elif argument := re.match(r" +(\w+) +=", line):
            lines.append(f"    {'.'.join([*inner, argument[1]])}: D01 free\n")
    return lines


def test_module_with_what_applications_need_passes(project: Path, workspace: Workspace) -> None:
    assert judged(project, workspace, USEFUL) == {}


def test_values_that_no_plan_shows_are_found(project: Path, workspace: Workspace) -> None:
    said = "\n".join(judged(project, workspace, HIDDEN).values())
    places = re.findall(r'^(resource|data) "(\w+)" "(\w+)"', HIDDEN, re.MULTILINE)
    own = {
        "aws_iam_policy_document.merged",
        "aws_iam_role.own",
        "aws_secretsmanager_secret.own",
        "aws_s3_bucket.own",
        "aws_cloudwatch_log_group.own",
        "aws_iam_policy_document.with_joined_conditions",  # Its policy fails.
    }
    for kind, type_, name in places:
        if (address := f"{type_}.{name}") not in own:
            where = f"module.own.{'data.' * (kind == 'data')}{address}: "
            assert where in said, where
