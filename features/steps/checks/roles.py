"""Steps about the roles in the database: their secrets, who reads these, and the declaration.

The module ``roles`` declares roles and extensions in ``terraform_data.declaration``, so that a plan
shows them. Its function gets them in its environment, whose value is known only after apply.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from databases import module_of, of_same
from findings import Finding, check
from kinds import listed, unproved
from rotation_parts import (
    CONNECTION,
    FUNCTION,
    SECRET,
    possible,
    rotations,
)
from stack_graph import UNKNOWN, Resource, Stack, shown
from windows import ends_in_its_day, longest_gap

_MODULE = "roles"
_DECLARATION = ("terraform_data", "declaration")
_READERS = ("terraform_data", "readers")
_POLICY = ("aws_secretsmanager_secret_policy", "secret_arn")
_VERSION = ("aws_secretsmanager_secret_version", "secret_id")
_INVOCATION = "aws_lambda_invocation"
_ALARM = ("aws_cloudwatch_event_rule", "connection_read")
_PRINCIPAL = re.compile(r"arn:[a-z-]+:iam::\d{12}:(role|user)/[\w+=,.@/-]+")
_PAGE = "docs/how-to/move-to-roles.md"
_NONE = f"the plan declares no role of an application: pin the module roles, as {_PAGE} says"


def _no_role(_: Stack) -> str:
    return _NONE


@check(
    "every declared role has a secret of its own, and none holds the master user",
    _no_role,
    of_design=True,
)
def own_secrets(stack: Stack) -> Iterator[Finding]:
    """Require roles of each database, each with a secret that no version of Terraform fills."""
    declarations = _declarations(stack)
    for connection in stack.all(SECRET, CONNECTION) if declarations else ():
        if not of_same(stack, connection, declarations):
            text = "its database has no role of an application; add an entry to `roles.instances`"
            yield Finding(False, f"{connection.address}: {text}")
    for declaration in declarations:
        of_roles = {s.key: s for s in of_same(stack, declaration, _secrets(stack))}
        roles = declaration.planned("input.roles")
        if not isinstance(roles, dict) or not roles:
            yield Finding(False, f"{declaration.address}: {_declared(roles)}")
            continue
        for role in roles:
            secret = of_roles.get(role)
            if secret is None:
                text = f"{declaration.address}: the role {role} has no secret; add one for its key"
                yield Finding(False, text)
                continue
            versions = possible(stack, _VERSION, secret)
            for version in versions:
                text = "writes the secret of a role; remove it, the function writes it"
                yield Finding(False, f"{version.address}: {text}")
            if not versions:
                name = shown(secret.planned("name"))
                yield Finding(True, f"{secret.address}: {name}, for the role {role}")


@check(
    "only the functions and named principals may read the connection secret",
    f"connection secret ({SECRET}.{CONNECTION})",
    of_design=True,
)
def locked(stack: Stack) -> Iterator[Finding]:
    """Require a policy that denies everybody else, also those that IAM allows."""
    fix = f"list the readers in `secret.readers`, as {_PAGE} says"
    for secret in stack.all(SECRET, CONNECTION):
        yield from _readers(stack, secret, fix)
        if _locks_initial(stack, secret):
            for initial in of_same(stack, secret, stack.all(SECRET, "initial")):
                yield from _readers(stack, initial, fix)


def _locks_initial(stack: Stack, connection: Resource) -> bool:
    """Return whether the release of a connection secret has a policy for the initial one."""
    calls = stack.configuration.get("module_calls", {})
    source = calls.get(connection.calls[0], {}).get("source") if connection.calls else None
    name, version = module_of(source)
    return name == "secret" and [*map(int, version.split("."))] >= [2, 2, 0]


@check(
    "a function rotates the secret of every role at the start and at least every {days:d} days",
    _no_role,
    of_design=True,
)
def rotated(stack: Stack, days: int) -> Iterator[Finding]:
    """Require one rotation for each secret, by a function of this stack."""
    for secret in _secrets(stack):
        of_secret = rotations(stack, secret)
        if len(of_secret) != 1:
            text = f"{len(of_secret)} rotations; it must have exactly one"
            yield Finding(False, f"{secret.address}: {text}")
        for rotation in of_secret:
            function = stack.one(rotation, "rotation_lambda_arn", FUNCTION)
            if function is None:
                by = unproved(stack, rotation, "rotation_lambda_arn", f"one {FUNCTION}")
                yield Finding(False, f"{rotation.address}: {by}")
                continue
            schedule = rotation.planned("rotation_rules.0.schedule_expression")
            gap = longest_gap(schedule) if isinstance(schedule, str) else None
            at_once = rotation.planned("rotate_immediately")
            fine = gap is not None and 1 <= gap <= days and at_once is True
            text = f"{rotation.address}: {shown(schedule)}, by {function.address}"
            duration = rotation.planned("rotation_rules.0.duration")
            if isinstance(schedule, str) and not ends_in_its_day(schedule, duration):
                late = f"its window of {shown(duration)} ends on the next UTC day"
                yield Finding(False, f"{text}; {late}, which AWS refuses; choose an earlier hour")
                continue
            fix = f"; set a schedule of at most {days} days, and rotate_immediately to true"
            yield Finding(fine, text if fine else text + fix)


@check(
    "only the function and named principals may read the secret of a role", _no_role, of_design=True
)
def role_readers(stack: Stack) -> Iterator[Finding]:
    """Require a policy for each secret that denies everybody but named principals."""
    for secret in _secrets(stack):
        yield from _readers(stack, secret, "deny all but the function and the readers of the role")
        declared = _declared_beside(stack, secret)
        named = {name for r in declared for name in _named(r, f"roles.{secret.key}")}
        for policy in _policies(stack, secret) if declared else ():
            if others := _people(stack, policy) - named:
                text = f"{policy.address}: {listed(sorted(others))} may read it, and the role"
                yield Finding(False, f"{text} {secret.key} does not name them as readers")


@check(
    "no reader of a role's secret reads the connection secret, except while it moves",
    _no_role,
    of_design=True,
)
def apart(stack: Stack) -> Iterator[Finding]:
    """Require other principals for the master user than for the applications."""
    master, unexcused = set[str](), set[str]()
    for secret in stack.all(SECRET, CONNECTION):
        beside = of_same(stack, secret, _of_module(stack, *_READERS))
        moving = {name for readers in beside for name in _named(readers, "moving")}
        people = {n for p in _policies(stack, secret) for n in _people(stack, p)}
        master |= people
        unexcused |= people - moving
    for policy in (p for s in _secrets(stack) for p in _policies(stack, s)):
        both = _people(stack, policy) & master
        if wrong := both & unexcused:
            text = f"{listed(sorted(wrong))} can also log in as the master user; remove it from "
            text += "`secret.readers`; while it moves, list it in `roles.moving_readers`, as "
            yield Finding(False, f"{policy.address}: {text}{_PAGE} says")
        else:
            moves = f"{listed(sorted(both))} moves to the role"
            text = moves if both else "none of its readers is the master's"
            yield Finding(True, f"{policy.address}: {text}")
    for rule in stack.all(*_ALARM):
        for readers in _declared_beside(stack, rule):
            known = {*_named(readers, "pipeline"), *_named(readers, "moving")}
            silent = _without_functions(stack, _silent(rule.planned("event_pattern")))
            if wrong := silent - known:
                text = f"{rule.address}: reads by {listed(sorted(wrong))} raise no alarm"
                yield Finding(False, f"{text}; only `pipeline_readers` and `moving_readers` may")


@check("the database gets the extensions {names:ANY}", _no_role, of_design=True)
def extensions(stack: Stack, names: str) -> Iterator[Finding]:
    """Require the extensions in the declaration."""
    for declaration in _declarations(stack):
        declared = declaration.planned("input.extensions")
        items = declared if isinstance(declared, list) else []
        missing = [name for name in re.split(r", | and ", names) if name not in items]
        text = f"{declaration.address}: extensions = {shown(declared)}"
        yield Finding(not missing, f"{text}; add {listed(missing)}" if missing else text)


@check(
    "the function gets the declaration, and Terraform calls it when that changes",
    _no_role,
    of_design=True,
)
def called(stack: Stack) -> Iterator[Finding]:
    """Require that one call of the function sets up what the plan declares."""
    for declaration in _declarations(stack):
        calls = of_same(stack, declaration, _of_module(stack, _INVOCATION))
        if len(calls) != 1:
            text = f"{len(calls)} calls set it up; there must be one {_INVOCATION}"
            yield Finding(False, f"{declaration.address}: {text}")
        for call in calls:
            function = stack.one(call, "function_name", FUNCTION)
            event = call.planned("input")
            fine = function is not None and event == '{"action":"apply"}'
            name = function.address if function else "no function of the plan"
            text = f"{call.address}: calls {name} with {shown(event)}"
            fix = '; call the function of the module with {"action":"apply"}'
            yield Finding(fine, text if fine else text + fix)


def _declarations(stack: Stack) -> list[Resource]:
    return _of_module(stack, *_DECLARATION)


def _secrets(stack: Stack) -> list[Resource]:
    return _of_module(stack, SECRET)


def _of_module(stack: Stack, *identity: str) -> list[Resource]:
    return [r for r in stack.all(*identity) if stack.module_name(r) == _MODULE]


def _people(stack: Stack, policy: Resource) -> set[str]:
    """Return whom a policy lets read a secret, beside the stack's own functions."""
    return _without_functions(stack, _admitted(policy.planned("policy")) or ())


def _without_functions(stack: Stack, principals: Iterable[str]) -> set[str]:
    functions = [
        role.planned("name")
        for role in stack.all("aws_iam_role")
        if stack.module_name(role) in (_MODULE, "secret")
    ]
    return {name for name in principals if name.partition(":role/")[2] not in functions}


def _silent(pattern: Any) -> list[str]:
    """Return the roles whose reads an event pattern leaves out."""
    try:
        user = json.loads(pattern)["detail"]["$or"][1]["userIdentity"]
        return [*user["sessionContext"]["sessionIssuer"]["arn"][0]["anything-but"]]
    except (ValueError, LookupError, TypeError):
        return []  # The design requires this form, and fails F09 for another one.


def _declared_beside(stack: Stack, resource: Resource) -> list[Resource]:
    """Return the declared readers in the module of a resource; releases before 1.1.0 have none."""
    return [r for r in _of_module(stack, *_READERS) if r.module == resource.module]


def _named(readers: Resource, path: str) -> list[str]:
    """Return a list of the declared readers; empty if the plan does not show them."""
    value = readers.planned(f"input.{path}")
    return value if isinstance(value, list) else []


def _declared(roles: Any) -> str:
    if roles is UNKNOWN:
        return "its roles are not shown by this plan; write them in the environment file"
    return "declares no role; add one in `roles.roles`"


def _policies(stack: Stack, secret: Resource) -> list[Resource]:
    """Return the policies of a secret, and those in doubt.

    That of the initial secret refers to its version, which is a version of one secret.
    """
    found = []
    for policy in possible(stack, _POLICY, secret):
        versions = stack.some(policy, _POLICY[1], _VERSION[0])
        secrets = [stack.one(version, _VERSION[1], SECRET) for version in versions]
        if not secrets or secret in secrets or None in secrets:
            found.append(policy)
    return found


def _readers(stack: Stack, secret: Resource, fix: str) -> Iterator[Finding]:
    policies = _policies(stack, secret)
    if not policies:
        yield Finding(False, f"{secret.address}: no policy limits who may read it; {fix}")
    for policy in policies:
        names = _admitted(policy.planned("policy"))
        if names is None:
            yield Finding(False, f"{policy.address}: does not limit who may read it; {fix}")
            continue
        wrong = [name for name in names if not _PRINCIPAL.fullmatch(name)]
        text = f"{policy.address}: {listed(names) or 'nobody'} may read it"
        found = f"{text}; name whole ARNs instead of {listed(wrong)}"
        yield Finding(not wrong, found if wrong else text)


def _admitted(policy: Any) -> list[str] | None:
    """Return the principals that a policy does not deny to read a secret; None if it denies none.

    >>> deny = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue"}
    >>> limits = {"StringNotEquals": {"aws:PrincipalArn": ["a"]}}
    >>> statement = {**deny, "Resource": "*", "Condition": limits}
    >>> _admitted(json.dumps({"Statement": [statement]})), _admitted('{"Statement": []}')
    (['a'], None)
    """
    if not isinstance(policy, str):
        return None
    for statement in json.loads(policy).get("Statement", ()):
        whole = (statement.get("Effect"), statement.get("Principal"), statement.get("Resource"))
        conditions = statement.get("Condition", {})
        if (
            whole == ("Deny", "*", "*")
            and statement.get("Action") == "secretsmanager:GetSecretValue"
            and [*conditions] == ["StringNotEquals"]
            and [*conditions["StringNotEquals"]] == ["aws:PrincipalArn"]
        ):
            names = conditions["StringNotEquals"]["aws:PrincipalArn"]
            return [str(name) for name in (names if isinstance(names, list) else [names])]
    return None
