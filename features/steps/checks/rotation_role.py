"""Steps about the role of the rotation function: who may assume it, and what it may do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from databases import of_same
from existing import added_beside
from findings import Finding, check
from kinds import is_hidden, listed, of_kind, origins, unproved
from policies import allowed, named
from rotation_parts import (
    ATTACHMENT,
    INLINE,
    ROLE,
    attachments,
    connection_rotations,
    in_doubt,
    inline_policies,
    no_rotation,
    possible,
)
from stack_graph import Resource, Stack

_LOG = "aws_cloudwatch_log_group"
_ELSEWHERE = (
    ("aws_iam_policy_attachment", "roles"),
    ("aws_iam_role_policy_attachments_exclusive", "role_name"),
    ("aws_kms_grant", "grantee_principal"),
)
"""Resources that add rights to a role which the plan of a new stack does not show in full."""


@check("only {service:PROPERTY} may assume the role of the rotation function", no_rotation)
def trust(stack: Stack, service: str) -> Iterator[Finding]:
    """Require a trust policy with this service as its only principal."""
    for _, _, function in connection_rotations(stack):
        role = stack.one(function, "role", ROLE)
        if role is None:
            text = unproved(stack, function, "role", f"one {ROLE}")
            yield Finding(False, f"{function.address}: {text}")
            continue
        statements = allowed(stack, role, "assume_role_policy")
        if statements is None:
            text = f"{role.address}, whose assume_role_policy is not shown by this plan, because"
            fix = f"write a policy of literals that allows only the service {service}"
            text = f"{text} it is known only after apply; {fix}"
            yield Finding(False, f"{function.address}: {text}")
            continue
        trusted = [name for statement in statements for name in statement.principals]
        fine = trusted == [f"Service {service}"]
        text = f"{function.address}: {role.address}, assumed by {listed(trusted) or 'nobody'}"
        yield Finding(fine, text if fine else f"{text}; allow only the service {service}")


@check(
    "the policies of that role name the secret, its key and its instance, and nothing else",
    no_rotation,
)
def reach(stack: Stack) -> Iterator[Finding]:
    """Require policies of this stack that name exactly what the rotation needs."""
    for secret, role in _roles(stack):
        policies, foreign = _policies(stack, role)
        for origin in foreign:
            text = f"a policy from {origin}, whose text the plan does not show; use aws_iam_policy"
            yield Finding(False, f"{role.address}: {text}")
        key = stack.one(secret, "kms_key_id", "aws_kms_key")
        primaries = of_same(stack, secret, of_kind(stack, "primary"))
        needed = {r.address for r in (secret, key, *primaries) if r}
        hidden = [p.address for p in policies if is_hidden(stack, p, "policy")]
        if hidden or (foreign and not policies):
            for address in hidden:
                text = f"this plan does not show what {address} names; write a policy of references"
                yield Finding(False, f"{role.address}: {text}")
            continue
        resources = [r for policy in policies for r in named(stack, policy, "policy").values()]
        reached = {resource.address for resource in resources if resource.type != _LOG}
        fine = reached == needed
        held = f"{role.address}: {listed(p.address for p in policies) or 'no policy'}"
        text = f"{held} for {listed(sorted(reached)) or 'no resource'}"
        fix = f"; the policies must name {listed(sorted(needed))}, and nothing else"
        yield Finding(fine, text if fine else text + fix)


@check("the policies whose text is planned allow these actions and no others", no_rotation)
def actions(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Compare each known text with the table; accept a text that is unknown until apply."""
    # IAM ignores the case of an action.
    rows = {row["action"].lower(): row["on"] for row in table}
    needed = {row["action"] for row in table if row["needed"] == "yes"}
    for secret, role in _roles(stack):
        names_of = _names(stack, secret)
        hidden, seen = False, set[str]()
        for policy in _policies(stack, role)[0]:
            statements = allowed(stack, policy, "policy")
            if statements is None:
                hidden = True
                yield Finding(True, f"{policy.address}: its text is known only after apply")
            for statement in statements or ():
                lowered = [action.lower() for action in statement.actions]
                seen.update(lowered)
                fine = bool(statement.resources) and all(
                    action in rows and (rows[action] == "anything" or on in names_of[rows[action]])
                    for action in lowered
                    for on in statement.resources
                )
                on = listed(statement.resources) or "no resource"
                text = f"{policy.address}: {listed(statement.actions)} on {on}"
                fix = "; allow only the actions and resources of the scenario's table"
                yield Finding(fine, text if fine else text + fix)
        missing = sorted(action for action in needed if action.lower() not in seen)
        if missing and not hidden:
            text = f"no policy allows {listed(missing)}; the rotation needs it"
            yield Finding(False, f"{role.address}: {text}")


def _names(stack: Stack, secret: Resource) -> dict[str, set[str]]:
    """Return the names that a policy may use for each resource of the table."""
    key = stack.one(secret, "kms_key_id", "aws_kms_key")
    resources_of = {
        "the secret": [secret],
        "its key": [key] if key else [],
        "its instance": of_same(stack, secret, of_kind(stack, "primary")),
        "its log": stack.all(_LOG),
    }
    return {
        label: {
            name
            for resource in resources
            for arn in [resource.planned("arn")]
            for name in (resource.address, str(arn), f"{arn}:*")
        }
        for label, resources in resources_of.items()
    }


def _roles(stack: Stack) -> Iterator[tuple[Resource, Resource]]:
    """Yield the connection secret with the role of its rotation function."""
    for secret, _, function in connection_rotations(stack):
        if role := stack.one(function, "role", ROLE):
            yield secret, role


def _policies(stack: Stack, role: Resource) -> tuple[list[Resource], list[str]]:
    """Return the policies of a role in this stack, and the origins of any others."""
    policies = inline_policies(stack, role)
    names = ("inline_policy", "managed_policy_arns")
    foreign = [name for name in names if role.holds(name) or added_beside(stack, role, name)]
    for attachment in attachments(stack, role):
        policy = stack.one(attachment, "policy_arn", "aws_iam_policy")
        if policy:
            policies.append(policy)
        else:
            foreign.append(origins(stack, attachment, "policy_arn") or "no ARN")
    unsure = [r for kind in (ATTACHMENT, INLINE) for r in in_doubt(stack, kind, role)]
    elsewhere = [
        resource
        for kind in _ELSEWHERE
        for resource in possible(stack, kind, role)
        if not _keeps(stack, resource, policies)
    ]
    foreign += [resource.address for resource in (*unsure, *elsewhere)]
    return policies, foreign


def _keeps(stack: Stack, exclusive: Resource, policies: list[Resource]) -> bool:
    """Return whether an exclusive list of attachments holds nothing but the role's own policies."""
    kept = stack.some(exclusive, "policy_arns", "aws_iam_policy")
    return bool(kept) and all(policy in policies for policy in kept)
