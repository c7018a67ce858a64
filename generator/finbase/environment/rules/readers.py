"""Rules about who may read the secrets of a database, and whose reads raise an alarm."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from itertools import chain
from typing import Final

from finbase.contract.version import Version
from finbase.environment.model import Environment
from finbase.environment.rules.examples import APP, OWNER
from finbase.environment.rules.inputs import first_set, texts, texts_in, texts_of
from finbase.environment.rules.roles import declared_roles
from finbase.environment.rules.rule import AWS, SECRETS, Finding, Findings, note, rule
from finbase.source.document import Where

_ROLE: Final = "arn:aws:iam::111122223333:role/"
_PLAN: Final = f"{_ROLE}plan"
_APP: Final = f"{_ROLE}app"
_TWO_ROLES: Final = {"app": {**APP, "readers": [_APP]}, "migrator": OWNER}
_LONG: Final = [f"{_ROLE}{'team/' * 99}app{n}" for n in range(3)]
_MOST_PATTERN: Final = 2_048
_LETTING_RULES: Final = {"kms": "2.0.0", "monitoring": "3.0.0"}


@rule(
    "FB273",
    "reader in another account",
    "roles.roles",
    "secret.readers",
    why="The keys of the stack let only their own account decrypt a secret, so a reader in another "
    "account gets an error that says nothing about the secret.",
    source=f"{SECRETS}auth-and-access_examples_cross.html",
    accepted={"secret.readers": [_PLAN]},
    refused={"secret.readers": ["arn:aws:iam::999999999999:role/app"]},
)
def own_readers(environment: Environment) -> Findings:
    """Readers of secrets must be of the account of the stack."""
    account = environment.account_id
    of_roles = ((where, arn) for where, _, arn in _of_roles(environment))
    for where, arn in chain(of_roles, texts(environment, "secret.readers")):
        if account and arn.count(":") >= 5 and arn.split(":")[4] != account:
            message = f"{arn} is not of the account {account}"
            hint = "name a role of this account; the other account can assume it"
            yield Finding(where, message, hint)


@rule(
    "FB277",
    "application that reads the connection secret",
    "roles.roles",
    "roles.moving_readers",
    "secret.readers",
    why="It can log in as the master user, drop every table and switch its own audit off. While it "
    "moves to its role it needs both secrets, which `moving_readers` says.",
    source=f"{SECRETS}auth-and-access_resource-policies.html",
    accepted={"secret.readers": [_PLAN], "roles.roles": _TWO_ROLES},
    refused={"secret.readers": [_APP], "roles.roles": _TWO_ROLES},
    yaml_only="the modules see the readers of the connection secret, not whose they are",
)
def apart(environment: Environment) -> Findings:
    """A reader of a role's secret must not read the connection secret, except while it moves."""
    moving = {i.key: texts_of(u, i, "moving_readers") for u, i in environment.instances("roles")}
    of_roles = {arn: role for _, role, arn in _of_roles(environment)}
    for use, instance in environment.instances("secret"):
        for at, arn in enumerate(texts_of(use, instance, "readers")):
            if arn in of_roles and arn not in moving.get(instance.key, ()):
                message = f"{arn} also reads the secret of the role `{of_roles[arn]}`"
                hint = "remove it here; while it moves, list it in `roles.moving_readers`"
                yield Finding((*use.where(instance, "readers"), at), message, hint)


@rule(
    "FB278",
    "reader without an alarm that may not read",
    "roles.pipeline_readers",
    "roles.moving_readers",
    "secret.readers",
    why="The policy of the connection secret denies everybody but its readers, so such an ARN is "
    "misspelt, or was removed in one place only.",
    source=f"{SECRETS}auth-and-access_resource-policies.html",
    accepted={"secret.readers": [_PLAN], "roles.pipeline_readers": [_PLAN]},
    refused={"secret.readers": [_PLAN], "roles.pipeline_readers": [f"{_ROLE}apply"]},
    yaml_only="the modules accept it: it does no harm",
)
def without_alarm(environment: Environment) -> Findings:
    """Readers whose reads raise no alarm must be readers of the connection secret."""
    admitted = {i.key: texts_of(u, i, "readers") for u, i in environment.instances("secret")}
    for use, instance in environment.instances("roles"):
        for name in ("pipeline_readers", "moving_readers"):
            for at, arn in enumerate(texts_of(use, instance, name)):
                if arn not in admitted.get(instance.key, ()):
                    message = f"{arn} is not in `secret.readers`"
                    hint = "correct the ARN, add it there, or remove it here"
                    yield Finding((*use.where(instance, name), at), message, hint)


@rule(
    "FB279",
    "too many readers without an alarm",
    "roles.pipeline_readers",
    "roles.moving_readers",
    why="EventBridge refuses a longer pattern during the apply. AWS doubles this quota on "
    "request, but Terraform's provider may not know of it.",
    source=f"{AWS}eventbridge/latest/userguide/eb-quota.html",
    accepted={"secret.readers": _LONG, "roles.moving_readers": _LONG[1:]},
    refused={"secret.readers": _LONG, "roles.moving_readers": [*_LONG]},
    yaml_only="the modules limit the number of readers, not the length of their ARNs",
)
def short_pattern(environment: Environment) -> Findings:
    """The EventBridge pattern of readers that raise no alarm must have at most 2,048 characters."""
    names = ("moving_readers", "pipeline_readers")
    for use, instance in environment.instances("roles"):
        arns = {arn for name in names for arn in texts_of(use, instance, name)}
        stack = "-".join(filter(None, (environment.stack_name, instance.key)))
        if len(pattern_of_reads(environment, stack, arns, use.version)) > _MOST_PATTERN:
            message = f"{len(arns)} ARNs make the pattern longer than {_MOST_PATTERN:,} characters"
            hint = "remove applications that have moved, or use roles with shorter paths"
            yield Finding(first_set(use, instance, *names), message, hint)


def pattern_of_reads(
    environment: Environment, stack: str, arns: Collection[str], version: Version
) -> str:
    """Return the pattern that reports reads of the master user's secrets by others than ``arns``.

    Releases before 1.3.0 watch the connection secret only, and report each user.
    """
    account = f"{environment.account_id}:"
    prefix, watched = f"arn:{environment.partition}", f"{stack}/database/"
    functions = [f"{prefix}:iam::{account}role/{stack}-{name}" for name in ("roles", "rotation")]
    users = sorted(arn for arn in arns if ":user/" in arn)
    no_type: object = ["AssumedRole", "IAMUser"] if users else ["AssumedRole"]
    whole: list[object] = []
    if version < Version.parse("1.3.0"):
        users, no_type, watched = [], "AssumedRole", f"{watched}connection"
        whole = [watched]
    issuer = {"arn": [{"anything-but": [*functions, *sorted({*arns} - {*users})]}]}
    others: list[object] = [
        {"userIdentity": {"type": [{"anything-but": no_type}]}},
        {"userIdentity": {"sessionContext": {"sessionIssuer": issuer}}},
    ]
    if users:
        others.append({"userIdentity": {"arn": [{"anything-but": users}], "type": ["IAMUser"]}})
    secret_arn = f"{prefix}:secretsmanager:{environment.region}:{account}secret:{watched}"
    ids = [*(whole or [{"prefix": watched}]), {"prefix": secret_arn}]
    pattern = {
        "detail": {
            "$or": others,
            "eventName": ["GetSecretValue"],
            "requestParameters": {"secretId": ids},
        },
        "detail-type": ["AWS API Call via CloudTrail"],
        "source": ["aws.secretsmanager"],
    }
    return json.dumps(pattern, separators=(",", ":"))


@note(
    "FB315",
    "role without readers",
    "roles.roles",
    why="The policy of a secret denies everybody but the function and the readers, so nobody can "
    "log in as this role yet.",
    source=f"{SECRETS}auth-and-access_resource-policies.html",
    accepted={"roles.roles": {"migrator": {**OWNER, "readers": [_APP]}}},
    refused={"roles.roles": {"migrator": OWNER}},
)
def readers(environment: Environment) -> Findings:
    """Each role should have readers, or a login for tokens of IAM."""
    for where, role, declared in declared_roles(environment):
        if not declared.get("readers") and not declared.get("iam_login"):
            message = f"nobody may read the secret of the role `{role}`"
            hint = f"list the IAM roles of its applications in `roles.{role}.readers`"
            yield Finding(where, message, hint, key=True)


@note(
    "FB318",
    "application that has not moved",
    "roles.moving_readers",
    why="It may still log in as the master user. Remove it here and from `secret.readers` once it "
    "uses its role.",
    source=f"{SECRETS}auth-and-access_resource-policies.html",
    accepted={"secret.readers": [_PLAN], "roles.moving_readers": []},
    refused={"secret.readers": [_PLAN], "roles.moving_readers": [_PLAN]},
)
def unfinished(environment: Environment) -> Findings:
    """A move to roles should end, so that no application can log in as the master user."""
    for where, arn in texts(environment, "roles.moving_readers"):
        message = f"{arn} may still log in as the master user"
        hint = "once it uses its role, remove it here and from `secret.readers`"
        yield Finding(where, message, hint)


@note(
    "FB319",
    "every read of the connection secret raises an alarm",
    "roles.pipeline_readers",
    "secret.readers",
    why="Terraform reads the connection secret in each plan. Without `pipeline_readers`, each plan "
    "raises the alarm, and nobody will listen to it.",
    source=f"{SECRETS}monitoring-cloudtrail.html",
    accepted={"secret.readers": [_PLAN], "roles.pipeline_readers": [_PLAN]},
    refused={"secret.readers": [_PLAN], "roles.pipeline_readers": []},
)
def noisy(environment: Environment) -> Findings:
    """The roles that plan and apply should be listed, so that their reads raise no alarm."""
    listed_ = {i.key for u, i in environment.instances("secret") if u.value(i, "readers")}
    for use, instance in environment.instances("roles"):
        # None without the input, as in older releases, whose alarm leaves all readers out.
        if instance.key in listed_ and use.value(instance, "pipeline_readers") == []:
            message = "no reader of the connection secret is known to plan or apply"
            hint = "list the IAM roles that plan and apply in `roles.pipeline_readers`"
            yield Finding(use.where(instance), message, hint, key=True)


@note(
    "FB320",
    "alarm about the connection secret that nobody gets",
    "roles.roles",
    why="The rule of EventBridge that reports who reads the connection secret sends to the topic. "
    "Before monitoring 3.0.0 and kms 2.0.0, the policies of topic and key do not let it.",
    source=f"{AWS}eventbridge/latest/userguide/eb-use-resource-based.html",
    accepted={"monitoring.version": "3.0.0"},
    refused={"monitoring.version": "2.0.1"},
)
def reported(environment: Environment) -> Findings:
    """With roles, the topic and its key should let EventBridge send."""
    for roles, instance in environment.instances("roles"):
        for name, least in _LETTING_RULES.items():
            use = environment.module(name)
            if use and use.version < Version.parse(least):
                message = f"EventBridge may not send to the topic of {name} {use.version}"
                hint = f"pin {name} {least} or newer"
                yield Finding(roles.where(instance), message, hint, key=True)


def _of_roles(environment: Environment) -> Iterator[tuple[Where, str, str]]:
    """Yield each reader of a role's secret: its place, the role, and the ARN."""
    for where, role, declared in declared_roles(environment):
        for at, arn in enumerate(texts_in(declared.get("readers"))):
            yield (*where, "readers", at), role, arn
