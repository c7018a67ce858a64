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
from wiring import ROLE, attachments, wired

_ATTACHED, _INLINE = "aws_iam_policy", "aws_iam_role_policy"
_LOG = "aws_cloudwatch_log_group"


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
    listed_actions = {row["action"]: row["on"] for row in table}
    for _, role in _acting(stack):
        for policy in _policies(stack, role)[0]:
            statements = allowed(stack, policy, "policy")
            if statements is None:
                yield Finding(True, f"{policy.address}: its text is known after apply only")
            for each in statements or ():
                known = set(each.actions) <= listed_actions.keys()
                narrow = "*" not in each.resources or all(
                    listed_actions.get(action) == "anything" for action in each.actions
                )
                on = listed(str(r or "what is known after apply") for r in each.resources)
                yield Finding(known and narrow, f"{policy.address}: {listed(each.actions)} on {on}")


def _acting(stack: Stack) -> Iterator[tuple[Resource, Resource]]:
    """Yield the connection secret with the role under which its function runs."""
    for secret, _, function in wired(stack):
        if role := stack.one(function, "role", ROLE):
            yield secret, role


def _policies(stack: Stack, role: Resource) -> tuple[list[Resource], list[str]]:
    """Return the policies of a role, and where others come from that are not of this stack."""
    found = [each for each in stack.all(_INLINE) if stack.one(each, "role", ROLE) == role]
    foreign = [name for name in ("inline_policy", "managed_policy_arns") if role.writes(name)]
    for each in attachments(stack, role):
        policy = stack.one(each, "policy_arn", _ATTACHED)
        if policy:
            found.append(policy)
        else:
            foreign.append(origins(stack, each, "policy_arn"))
    for each in stack.all("aws_iam_policy_attachment"):
        if role in stack.some(each, "roles", ROLE):
            foreign.append(each.address)
    return found, foreign
