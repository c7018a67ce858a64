"""Rules about the policies of roles, keys, secrets, topics and endpoints.

moto has AWS's checks of the policies of identities. Here are those of the policies of resources,
and what both allow to be a principal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.models import iam_backends
from moto.iam.policy_validation import BaseIAMPolicyValidator

from finbase.sandbox.refusals.rule import Request, Rule, page, rule
from finbase.source.cache import load_yaml

_FILE = Path(__file__).with_name("policies.yaml")
_PARTITION = r"arn:aws(-cn|-us-gov)?"
_PRINCIPALS: Mapping[str, str] = {
    "AWS": rf"\*|\d{{12}}|{_PARTITION}:iam::\d{{12}}:(root|(role|user)/[\w+=,.@/-]+)"
    rf"|{_PARTITION}:sts::\d{{12}}:(assumed-role|federated-user)/[\w+=,.@/-]+",
    "Service": r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal)",
    "Federated": rf"{_PARTITION}:iam::\d{{12}}:(saml|oidc)-provider/\S+|[a-z0-9.-]+\.[a-z]+",
    "CanonicalUser": r"[0-9a-f]{64}",
}
"""The forms of principals, by AWS's names for their kinds."""


@dataclass(frozen=True)
class Kind:
    """What AWS requires of a kind of policy, and its errors; ``policies.yaml`` explains them.

    ``members`` has the member with the policy for each operation. ``resource`` says whether a
    statement names resources, or None if it may, and ``sid`` what its id looks like.
    """

    members: Mapping[str, str]
    resource: bool | None = True
    principal: bool = True
    sid: str = ".*"
    problem: str = "{}"
    stranger: str = "Invalid principal in policy: {}"


def rules() -> tuple[Rule, ...]:
    """Return a rule for each kind of policy."""
    return tuple(_rule(name, data) for name, data in load_yaml(_FILE.read_bytes()).items())


def _rule(name: str, data: Mapping[str, Any]) -> Rule:
    service, *members = data["of"].split()
    fields = data.keys() & {"resource", "principal", "sid", "problem", "stranger"}
    kind = Kind(dict(member.split(".") for member in members), **{key: data[key] for key in fields})
    source = page(data["source"])
    return Rule(
        name, service, tuple(kind.members), data["code"], _check(kind), source, data["says"]
    )


@rule(
    "secretsmanager PutResourcePolicy",
    "PublicPolicyException",
    "secretsmanager/latest/apireference/API_PutResourcePolicy.html",
)
def public(request: Request) -> str | None:
    """A secret that blocks public policies admits everybody only with a condition."""
    if not request.params.get("BlockPublicPolicy"):
        return None
    for statement in statements(request.params["ResourcePolicy"]):
        everybody = ("AWS", "*") in _principals(statement.get("Principal"))
        if everybody and statement.get("Effect") == "Allow" and not statement.get("Condition"):
            return "The resource policy grants public access to the secret, which is blocked."
    return None


@rule(
    "kms CreateKey PutKeyPolicy",
    "MalformedPolicyDocumentException",
    "trussworks/terraform-aws-cloudtrail/issues/178",
)
def locks_out(request: Request) -> str | None:
    """The policy of a key lets its own account change the policy."""
    text = request.params.get("Policy")
    if not text or request.params.get("BypassPolicyLockoutSafetyCheck"):
        return None
    for statement in statements(text):
        own = any(
            name == "*" or request.account in name.split(":") or name == request.account
            for kind, name in _principals(statement.get("Principal"))
            if kind == "AWS"
        )
        if own and statement.get("Effect") == "Allow" and does(statement, "kms:PutKeyPolicy"):
            return None
    return "The new key policy will not allow you to update the key policy in the future."


@rule(
    "iam CreatePolicy CreatePolicyVersion CreateRole PutRolePolicy UpdateAssumeRolePolicy",
    "LimitExceeded",
    "IAM/latest/UserGuide/reference_iam-quotas.html",
)
def too_large(request: Request) -> str | None:
    """The policies of a role keep IAM's limits of their sizes, which do not count white space."""
    text = str(
        request.params.get("PolicyDocument") or request.params.get("AssumeRolePolicyDocument")
    )
    size = len(re.sub(r"\s", "", text))
    match request.operation:
        case "CreatePolicy" | "CreatePolicyVersion":
            return "Cannot exceed quota for PolicySize: 6144" if size > 6_144 else None
        case "PutRolePolicy":
            name = request.params["RoleName"]
            role = _iam(request).roles.get(name) or _role_named(request, name)
            others: Mapping[str, str] = role.policies if role else {}
            size += sum(
                len(re.sub(r"\s", "", other))
                for policy, other in others.items()
                if policy != request.params["PolicyName"]
            )
            message = f"Maximum policy size of 10240 bytes exceeded for role {name}"
            return message if size > 10_240 else None
        case _:
            return "Cannot exceed quota for ACLSizePerRole: 2048" if size > 2_048 else None


@rule("iam DeletePolicy", "DeleteConflict", "IAM/latest/APIReference/API_DeletePolicy.html")
def policy_in_use(request: Request) -> str | None:
    """A policy that is attached, or has other versions, is not deleted."""
    policy = _iam(request).managed_policies.get(request.params["PolicyArn"])
    if policy is not None and policy.attachment_count:
        return "Cannot delete a policy attached to entities."
    if policy is not None and len(policy.versions) > 1:
        return (
            "This policy has more than one version. Before you delete a policy, you must delete "
            "the policy's versions. The default version is deleted with the policy."
        )
    return None


def statements(text: str) -> list[Mapping[str, Any]]:
    """Return the statements of a valid policy."""
    listed = json.loads(text)["Statement"]
    return listed if isinstance(listed, list) else [listed]


def does(statement: Mapping[str, Any], action: str) -> bool:
    """Return whether a statement is about an action.

    >>> does({"Action": ["kms:Generate*"]}, "kms:GenerateDataKey"), does({"Action": "s3:*"}, "x")
    (True, False)
    """
    patterns = (re.escape(name).replace(r"\*", ".*") for name in _list(statement.get("Action")))
    return any(re.fullmatch(pattern, action, re.IGNORECASE) for pattern in patterns)


def services(statement: Mapping[str, Any]) -> set[str]:
    """Return the services that a statement is about, and ``*`` for everybody."""
    return {name for _, name in _principals(statement.get("Principal"))}


def trusts(request: Request, arn: str, service: str) -> bool:
    """Return whether a role of the account exists, and its trust lets a service take it."""
    role = next((role for role in _iam(request).roles.values() if role.arn == arn), None)
    return role is not None and any(
        statement["Effect"] == "Allow"
        and does(statement, "sts:AssumeRole")
        and services(statement) & {service, "*"}
        for statement in statements(role.assume_role_policy_document)
    )


def is_principal(request: Request, name: str) -> bool:
    """Return whether a name is that of a service, an account, or a role or user that exists."""
    return any(_exists(request, kind, name) for kind in ("AWS", "Service"))


class _Syntax(BaseIAMPolicyValidator):
    """moto's checks, for policies that may also have the older version or none."""

    def _validate_version(self) -> None:
        pass


def _check(kind: Kind) -> Any:
    def check(request: Request) -> str | None:
        """Return AWS's message if the policy of a request is not valid."""
        text = request.params.get(kind.members[request.operation])
        if not text or request.params.get("AttributeName", "Policy") != "Policy":
            return None
        problem = _problem(kind, text)
        if problem:
            return kind.problem.format(problem)
        for statement in statements(text):
            for key in ("Principal", "NotPrincipal"):
                for principal, name in _principals(statement.get(key)):
                    if not _exists(request, principal, name):
                        return kind.stranger.format(f'"{principal}":"{name}"')
        return None

    return check


def _problem(kind: Kind, text: str) -> str:
    """Return what is wrong with the syntax of a policy, or an empty string."""
    try:
        policy = json.loads(text, parse_int=str, parse_float=str)  # AWS takes numbers as texts.
        _Syntax(json.dumps(policy)).validate()
    except ValueError:
        return "This policy contains invalid Json"
    except MalformedPolicyDocument as error:
        return str(error.message)
    for statement in statements(text):
        principal = statement.keys() & {"Principal", "NotPrincipal"}
        if principal and not kind.principal:
            return "Policy document should not specify a principal."
        if not principal and kind.principal:
            return "Missing required field Principal"
        if not all(name in _PRINCIPALS for name, _ in _principals(statement.get("Principal"))):
            return "Syntax errors in policy."
        resource = statement.keys() & {"Resource", "NotResource"}
        if resource and kind.resource is False:
            return "Has prohibited field Resource"
        if not resource and kind.resource:
            return "Policy statement must contain resources."
        if not re.fullmatch(kind.sid, str(statement.get("Sid") or ""), re.DOTALL):
            return (
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the "
                f"regular expression {kind.sid}"
            )
    return ""


def _principals(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the kind and name of each principal of a statement.

    >>> list(_principals({"AWS": ["111122223333"], "Service": "a.b"})), list(_principals("*"))
    ([('AWS', '111122223333'), ('Service', 'a.b')], [('AWS', '*')])
    """
    listed = {"AWS": value} if isinstance(value, str) else value or {}
    for kind, names in listed.items():
        for name in _list(names):
            yield kind, str(name)


def _exists(request: Request, kind: str, name: str) -> bool:
    """Return whether a principal has a valid form and, in the account of the request, exists."""
    if not re.fullmatch(_PRINCIPALS[kind], name):
        return False
    arn = name.split(":")
    if kind != "AWS" or arn[2:3] != ["iam"] or arn[4] != request.account or arn[5] == "root":
        return True
    backend = _iam(request)
    return any(each.arn == name for each in (*backend.roles.values(), *backend.users.values()))


def _iam(request: Request) -> Any:
    return iam_backends[request.account]["aws"]


def _role_named(request: Request, name: str) -> Any:
    return next((role for role in _iam(request).roles.values() if role.name == name), None)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
