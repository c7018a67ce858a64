"""Steps about what the rotation function may do, and who may act as it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from findings import Finding, check
from kinds import listed, of_kind, origins
from policies import allowed, named
from stack_graph import Resource, Stack
from wiring import ATTACHMENT, INLINE, ROLE, attachments, in_doubt, inline_policies, possible, wired

_LOG = "aws_cloudwatch_log_group"
_ELSEWHERE = (
    ("aws_iam_policy_attachment", "roles"),
    ("aws_iam_role_policy_attachments_exclusive", "role_name"),
    ("aws_kms_grant", "grantee_principal"),
)
"""What gives a role rights that no plan of a new stack shows in full: lists, and grants."""


@check("the rotation function runs under a role that {service:PROPERTY} alone may assume")
def trust(stack: Stack, service: str) -> Iterator[Finding]:
    """The trust policy allows one service, and nobody else."""
    for _, _, function in wired(stack):
        role = stack.one(function, "role", ROLE)
        if role is None:
            now = origins(stack, function, "role")
            yield Finding(False, f"{function.address}: its role comes from {now}")
            continue
        statements = allowed(stack, role, "assume_role_policy") or []
        trusted = [name for each in statements for name in each.principals]
        text = f"{function.address}: {role.address}, assumed by {listed(trusted) or 'nobody'}"
        yield Finding(trusted == [f"Service {service}"], text)


@check("the policies of that role name the secret, its key and its instance, and no other")
def reach(stack: Stack) -> Iterator[Finding]:
    """Every policy is of this stack, and what they name is what rotation needs."""
    for secret, role in _acting(stack):
        policies, foreign = _policies(stack, role)
        for origin in foreign:
            yield Finding(False, f"{role.address}: a policy from {origin}, which is not shown")
        key = stack.one(secret, "kms_key_id", "aws_kms_key")
        needed = {each.address for each in (secret, key, *of_kind(stack, "primary")) if each}
        found = [r for policy in policies for r in named(stack, policy, "policy").values()]
        reached = {each.address for each in found if each.type != _LOG}
        held = f"{role.address}: {listed(each.address for each in policies) or 'no policy'}"
        yield Finding(reached == needed, f"{held} for {listed(sorted(reached)) or 'nothing'}")


@check("as far as their text is planned, they allow these actions and no others")
def actions(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """A text that names what does not exist yet is known after apply, and says so here."""
    rows = {row["action"]: row["on"] for row in table}
    needed = {row["action"] for row in table if row["needed"] == "yes"}
    for secret, role in _acting(stack):
        places = _places(stack, secret)
        hidden, seen = False, set[str]()
        for policy in _policies(stack, role)[0]:
            statements = allowed(stack, policy, "policy")
            if statements is None:
                hidden = True
                yield Finding(True, f"{policy.address}: its text is known after apply only")
            for each in statements or ():
                seen.update(each.actions)
                fine = bool(each.resources) and all(
                    action in rows and (rows[action] == "anything" or on in places[rows[action]])
                    for action in each.actions
                    for on in each.resources
                )
                text = f"{policy.address}: {listed(each.actions)} on {listed(each.resources)}"
                yield Finding(fine, text)
        if not hidden and (lacking := needed - seen):
            yield Finding(False, f"{role.address}: may not {listed(sorted(lacking))}")


def _places(stack: Stack, secret: Resource) -> dict[str, set[str]]:
    """Return the names that a policy may use for what the table calls the secret and so on."""
    key = stack.one(secret, "kms_key_id", "aws_kms_key")
    found = {
        "the secret": [secret],
        "its key": [key] if key else [],
        "its instance": of_kind(stack, "primary"),
        "its log": stack.all(_LOG),
    }
    return {
        place: {
            name
            for each in resources
            for arn in [each.planned("arn")]
            for name in (each.address, str(arn), f"{arn}:*")
        }
        for place, resources in found.items()
    }


def _acting(stack: Stack) -> Iterator[tuple[Resource, Resource]]:
    """Yield the connection secret with the role under which its function runs."""
    for secret, _, function in wired(stack):
        if role := stack.one(function, "role", ROLE):
            yield secret, role


def _policies(stack: Stack, role: Resource) -> tuple[list[Resource], list[str]]:
    """Return the policies of a role, and where others come from that are not of this stack."""
    found = inline_policies(stack, role)
    foreign = [name for name in ("inline_policy", "managed_policy_arns") if role.holds(name)]
    for each in attachments(stack, role):
        policy = stack.one(each, "policy_arn", "aws_iam_policy")
        if policy:
            found.append(policy)
        else:
            foreign.append(origins(stack, each, "policy_arn"))
    unsure = [r for kind in (ATTACHMENT, INLINE) for r in in_doubt(stack, kind, role)]
    elsewhere = [r for kind in _ELSEWHERE for r in possible(stack, kind, role)]
    foreign += [each.address for each in (*unsure, *elsewhere)]
    return found, foreign
